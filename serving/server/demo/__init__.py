"""A page on which a person draws a digit, and sees what the released model makes of it: in the page, and served.

`static` has the page, `bundle` what its TensorFlow.js is built from (`make demo`); `live` says which models there are
to ask, `exports` reads the files that run in the page, and `site` answers requests for all of these.
"""
