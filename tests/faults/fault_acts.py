"""The actions of the proxy on an attempt."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Tuple

from tests.faults.fault_proxy import Act, Answer, Exchange, pass_on

ASKED_SECONDS = 3.0
"""How long the service asks to wait, where it does."""
DEADLINE_SECONDS = 100.0

_JSON = ("content-type", "application/json")
_HTML = ("content-type", "text/html")
_PAGE = b"<!doctype html><html><body><h1>Please log in to the network</h1></body></html>"
_GARBAGE = b"\x00\xffSSH-2.0-OpenSSH_9.6\r\n\r\n\x00\x01\x02"


def error_answer(status: int, code: str, *headers: Tuple[str, str], **more: object) -> Answer:
    body = {"error": {"code": code, "message": "Something is wrong.", "type": "api_error", "param": None, **more}}
    return Answer(status, [_JSON, *headers], json.dumps(body).encode())


def page(status: int) -> Answer:
    """Return the page of an intermediary, written for people."""
    return Answer(status, [_HTML], _PAGE)


def reset(exchange: Exchange) -> None:
    exchange.wait_for_request()
    exchange.reset()


def hang_up_on_request(exchange: Exchange) -> None:
    exchange.receive()
    exchange.hang_up()


def deliver_late(exchange: Exchange) -> None:
    exchange.proxy.late.append(exchange.receive())
    exchange.reset()


def reset_instead_of_answer(exchange: Exchange) -> None:
    exchange.forward()
    exchange.reset()


def hang_up_instead_of_answer(exchange: Exchange) -> None:
    exchange.forward()
    exchange.hang_up()


def _half(answer: Answer) -> bytes:
    return answer.encode()[: -max(1, len(answer.body) // 2)]


def cut_head(exchange: Exchange) -> None:
    exchange.send(exchange.forward().encode()[:20])
    exchange.hang_up()


def cut_body(exchange: Exchange) -> None:
    exchange.send(_half(exchange.forward()))
    exchange.hang_up()


def cut_chunks(exchange: Exchange) -> None:
    answer = exchange.forward()
    head = Answer(answer.status, [*answer.headers, ("transfer-encoding", "chunked")], b"").encode()
    chunk = b"%x\r\n%b\r\n" % (len(answer.body), answer.body)
    exchange.send(head.replace(b"content-length: 0\r\n", b"") + chunk if answer.body else head[:-1])
    exchange.hang_up()


def never_answer(exchange: Exchange) -> None:
    exchange.forward()
    exchange.wait_for_hang_up()


def stall(exchange: Exchange) -> None:
    exchange.send(_half(exchange.forward()))
    exchange.wait_for_hang_up()


def stall_beyond_the_deadline(exchange: Exchange) -> None:
    answer = exchange.forward()
    if not answer.body:
        # There is no half of it. A client that has yet to wait for it when the clock moves would rightly give up.
        return exchange.send(answer.encode())
    exchange.proxy.advance_clock(DEADLINE_SECONDS + 1)
    exchange.send(_half(answer))
    return exchange.wait_for_hang_up()


def drip(exchange: Exchange) -> None:
    content = exchange.forward().encode()
    for start in range(0, len(content), 8):
        exchange.send(content[start : start + 8])


def answer_instead(answer: Answer) -> Act:
    def act(exchange: Exchange) -> None:
        exchange.receive()
        exchange.send(answer.encode())

    return act


def answer_afterwards(answer: Answer) -> Act:
    def act(exchange: Exchange) -> None:
        exchange.forward()
        exchange.send(answer.encode())

    return act


def ask_to_wait_until_date(exchange: Exchange) -> None:
    date = format_datetime(exchange.proxy.now() + timedelta(seconds=ASKED_SECONDS), usegmt=True)
    answer_instead(error_answer(429, "rate_limit_exceeded", ("retry-after", date)))(exchange)


def ask_to_wait_until_reset(exchange: Exchange) -> None:
    reset = exchange.proxy.now().timestamp() + ASKED_SECONDS
    answer_instead(error_answer(429, "rate_limit_exceeded", ("x-ratelimit-reset", str(int(reset)))))(exchange)


def deliver_twice(which: int) -> Act:
    def act(exchange: Exchange) -> None:
        request = exchange.receive()
        answers = [exchange.deliver(request) for _ in range(2)]
        exchange.send(answers[which].encode())

    return act


def deliver_twice_at_once(exchange: Exchange) -> None:
    answers = exchange.deliver_at_once(exchange.receive(), 2)
    exchange.send(min(answers, key=lambda answer: answer.status).encode())


def garbage(exchange: Exchange) -> None:
    exchange.forward()
    exchange.send(_GARBAGE)
    exchange.hang_up()


def garbage_handshake(exchange: Exchange) -> None:
    exchange.send_raw(_GARBAGE)
    exchange.hang_up()


def strange_certificate(exchange: Exchange) -> None:
    exchange.use_certificate_of_a_stranger()
    pass_on(exchange)


def truncate(exchange: Exchange) -> None:
    answer = exchange.forward()
    exchange.send(answer._replace(body=answer.body[: len(answer.body) // 2]).encode())


def truncate_without_length(exchange: Exchange) -> None:
    answer = exchange.forward()
    head = Answer(answer.status, [*answer.headers, ("connection", "close")], b"").encode()
    exchange.send(head.replace(b"content-length: 0\r\n", b"") + answer.body[: len(answer.body) // 2])
    exchange.hang_up()


def break_compression(exchange: Exchange) -> None:
    answer = exchange.forward()
    headers = [*answer.headers, ("content-encoding", "gzip")]
    body = gzip.compress(answer.body)[:10] + b"\xff" * 10 if answer.body else b""
    exchange.send(answer._replace(headers=headers, body=body).encode())


def redirect(exchange: Exchange) -> None:
    exchange.receive()
    exchange.send(Answer(307, [("location", f"{exchange.proxy.elsewhere_url}/v1")], b"").encode())


def hint_first(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n" + exchange.forward().encode())
