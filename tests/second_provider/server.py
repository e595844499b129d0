"""An HTTP server that answers chat completions as it was told, and remembers what it was asked."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Each model's limit, as the headers say it.
REQUESTS_PER_MINUTE = 6000


class ChatServer(ThreadingHTTPServer):
    """Answers with `text`, but first with each of `script`: a status, or a reason to stop."""

    daemon_threads = True

    def __init__(self, text: str) -> None:
        super().__init__(("127.0.0.1", 0), _Chat)
        self.text = text
        self.script: deque[int | str] = deque()
        self.asked: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Chat(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # the standard library's name
        length = int(self.headers["content-length"])
        asked = json.loads(self.rfile.read(length))
        self.server.asked.append({"path": self.path, **asked})
        step = self.server.script.popleft() if self.server.script else "stop"
        if isinstance(step, int):
            self._send(step, {"error": {"message": "Not now.", "type": "server_error"}})
        else:
            self._send(200, self._answer(asked["model"], step))

    def _answer(self, model: str, finish_reason: str) -> dict[str, object]:
        text = self.server.text if finish_reason == "stop" else ""
        message = {"role": "assistant", "content": text}
        return {
            "id": f"chatcmpl-{len(self.server.asked)}",
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": {
                "prompt_tokens": 1500,
                "completion_tokens": 900,
                "prompt_tokens_details": {"cached_tokens": 500},
            },
        }

    def _send(self, status: int, body: dict[str, object]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.send_header("x-ratelimit-limit-requests", str(REQUESTS_PER_MINUTE))
        self.send_header("x-ratelimit-remaining-requests", str(REQUESTS_PER_MINUTE - 1))
        if status == 429:
            self.send_header("retry-after", "1")
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
