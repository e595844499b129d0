"""batchgen: generates large batches of content with Claude and loses nothing."""
