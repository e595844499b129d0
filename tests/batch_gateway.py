"""A server that speaks the Message Batches protocol in its own way: another paging, relative
addresses of results, keys in another order, lines of others, CRLF and blank lines between them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

#: Below the server's own root, as a gateway has it.
ROOT = "/team-7/anthropic"
BATCHES = f"{ROOT}/v1/messages/batches"
#: Rows of a page of the list, however many are asked for.
PAGE = 2
USAGE = {"output_tokens": 900, "input_tokens": 1500}


class BatchGateway(ThreadingHTTPServer):
    """Every batch ends once it was asked about; each request is answered with `text`."""

    daemon_threads = True

    def __init__(self, text: str) -> None:
        super().__init__(("127.0.0.1", 0), _Gateway)
        self.text = text
        self.made: list[list[dict[str, Any]]] = []
        self.ended: set[int] = set()
        #: Of each request: its method, its path, and whether it had the key.
        self.asked: list[tuple[str, str, bool]] = []
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"
        self.url = f"{self.origin}{ROOT}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def results_url(self, number: int) -> str:
        """Relative to the batch, to the host, and at another host, in turns."""
        elsewhere = self.origin.replace("127.0.0.1", "localhost")
        ways = (f"files/{number}", f"{ROOT}/files/{number}", f"{elsewhere}/files/{number}")
        return ways[number % len(ways)]

    def told(self, number: int) -> dict[str, Any]:
        """A batch as it tells of it."""
        many, ended = len(self.made[number]), number in self.ended
        return {
            "results_url": self.results_url(number) if ended else None,
            "request_counts": {"succeeded": many} if ended else {"processing": many},
            "processing_status": "ended" if ended else "in_progress",
            "gateway": {"region": "north", "trace": number},
            "created_at": f"2026-11-26T10:00:{number:02}+00:00",
            "id": f"gw-{number}",
        }

    def lines(self, number: int) -> bytes:
        """A batch's results."""
        lines = [b"", _line("somebody-elses", self.text)]
        for request in reversed(self.made[number]):
            lines += [_line(request["custom_id"], self.text), b"", b"   "]
        return b"\r\n".join(lines)


def _line(custom_id: str, text: str) -> bytes:
    message = {
        "usage": USAGE,
        "stop_reason": "end_turn",
        "content": [{"text": text, "type": "text"}],
        "model": "claude-sonnet-5-5",
        "role": "assistant",
        "type": "message",
        "id": f"gwmsg-{custom_id}",
    }
    result = {"message": message, "type": "succeeded"}
    return json.dumps({"result": result, "custom_id": custom_id}, indent=None).encode()


class _Gateway(BaseHTTPRequestHandler):
    server: BatchGateway
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # the standard library's name
        body = self.rfile.read(int(self.headers["content-length"]))
        self._note()
        self.server.made.append(json.loads(body)["requests"])
        self._send(json.dumps(self.server.told(len(self.server.made) - 1)).encode())

    def do_GET(self) -> None:  # the standard library's name
        self._note()
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        *_, last = path.rsplit("/", 1)
        if path == BATCHES:
            self._list(query.get("after_id", [""])[0])
        elif "/files/" in path:
            self._send(self.server.lines(int(last)), content_type="application/octet-stream")
        else:
            number = int(last.removeprefix("gw-"))
            self._send(json.dumps(self.server.told(number)).encode())
            self.server.ended.add(number)

    def _list(self, after_id: str) -> None:
        older = int(after_id.removeprefix("gw-")) if after_id else len(self.server.made)
        numbers = range(older - 1, max(-1, older - 1 - PAGE), -1)
        rows = [self.server.told(number) for number in numbers]
        self._send(json.dumps({"has_more": older > PAGE, "data": rows}).encode())
        self.server.ended.update(numbers)

    def _note(self) -> None:
        has_key = any("authorization" in name or "api-key" in name for name in self._names())
        self.server.asked.append((self.command, self.path, has_key))

    def _names(self) -> list[str]:
        return [name.lower() for name in self.headers]

    def _send(self, raw: bytes, *, content_type: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
