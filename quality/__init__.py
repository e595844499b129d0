"""A linter of user stories, after the Quality User Story framework. Pure: text in, defects out.

Lucassen, Dalpiaz, van der Werf, Brinkkemper: Improving agile requirements: the Quality User Story
framework and tool. Requirements Engineering 21 (2016) 383-403. docs/quality.md says what each
criterion finds and how often it is right.
"""
