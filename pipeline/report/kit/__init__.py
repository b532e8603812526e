"""What any page is made of: typed contents, figures, numbers in words, and the page that shows them."""
