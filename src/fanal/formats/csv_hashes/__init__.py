"""CSV lists of hashes, as analysts and other programs write them."""
