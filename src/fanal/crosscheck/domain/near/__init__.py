"""What resembles and is not equal: texts, pages, pictures, postal addresses. Pure."""
