-- prompt_texts --
-- What a version of prompts says in the place of files.
SELECT texts FROM content_promptset WHERE id = %(id)s
