"""Records as they are stored and read: TFRecord files, `tf.Example`s, images."""
