"""The pages: what people look at, made of the same services and reads as the API."""
