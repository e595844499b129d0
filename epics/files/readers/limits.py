"""What reading one file may take."""

#: Of the text that is kept; about a million tokens.
MAX_CHARACTERS = 4_000_000
#: Of all parts of an Office file, unpacked.
MAX_EXPANDED_BYTES = 50_000_000
MAX_PARTS = 5_000
MAX_XML_DEPTH = 200
MAX_PAGES = 1_000
#: Filled ones of all sheets; reading so many takes some 10 s.
MAX_CELLS = 250_000
#: Address space of the process: the parts, a tree of the largest, and the text.
MAX_MEMORY_BYTES = 800_000_000
#: What it may write to whoever started it: the text as JSON, each character in 4 bytes.
MAX_ANSWER_BYTES = 5 * MAX_CHARACTERS
