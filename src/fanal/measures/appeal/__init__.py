"""Appeals: somebody asks a court to annul a removal request, a blocking or a dereferencing."""
