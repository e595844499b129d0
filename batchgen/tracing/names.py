"""Names of spans' attributes: all that batchgen sends, and nothing that is not here.

Those of calls are OpenTelemetry's conventions for generative AI, which are not stable yet: where
one is renamed there, this module is what changes. A test holds docs/observability.md to it.
"""

# What happened: https://opentelemetry.io/docs/specs/semconv/general/recording-errors/
ERROR_TYPE = "error.type"

# A request: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
URL_PATH = "url.path"
URL_SCHEME = "url.scheme"

# A call: https://github.com/open-telemetry/semantic-conventions-genai
GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_PROVIDER = "gen_ai.provider.name"
GEN_AI_OUTPUT_TYPE = "gen_ai.output.type"
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_FINISH_REASONS = "gen_ai.response.finish_reasons"
#: Of the whole prompt, whatever of it the cache had.
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
# Contents, as JSON: where BATCHGEN_TRACE_CONTENTS says so, and else never.
GEN_AI_SYSTEM = "gen_ai.system_instructions"
GEN_AI_INPUT = "gen_ai.input.messages"
GEN_AI_OUTPUT = "gen_ai.output.messages"

# Ours.
REQUEST_ID = "batchgen.request.id"
RUN_ID = "batchgen.run.id"
RUN_TYPE = "batchgen.run.type"
RUN_STATUS = "batchgen.run.status"
RUN_ITEMS = "batchgen.run.items"
PROJECT_ID = "batchgen.project.id"
ITEM_ID = "batchgen.item.id"
ITEM_CODE = "batchgen.item.code"
ITEM_KIND = "batchgen.item.kind"
ITEM_ATTEMPT = "batchgen.item.attempt"
#: How the attempt ended: an item's status, or GIVEN_BACK.
ITEM_OUTCOME = "batchgen.item.outcome"
STAGE = "batchgen.stage"
CALL_PURPOSE = "batchgen.call.purpose"
#: The provider's own id of it, which its support asks for.
CALL_REQUEST_ID = "batchgen.call.request_id"
