#!/usr/bin/python3
"""A scripted far side for the tests of the HTTP client and of what stands on it.

    peer.py KIND

KIND is how connections are met: `plain` (HTTP), `tls` (HTTPS as localhost), `tls11` (HTTPS, at most TLS 1.1), `mute` (taken, never spoken to),
`full` (the queue of waiting connections is full, so that nobody gets in). It listens on 127.0.0.1 and prints `ready PORT CERTIFICATE`, then obeys
one line at a time on stdin and answers each on stdout:

    reply HOW HEX   the answer to the next request that has none yet; HOW is a comma-separated list, or `-`
    seen            `seen CONNECTIONS REQUESTS`, then a line of hex for each request, head and body
    clear           forgets replies, requests and the count of connections; open connections stay

HOW: cut=N (N bytes, then close), close (close behind the answer), reset (the same by RST), hang (nothing more, connection open), delay=MS (before the
first byte), drip=MS (byte by byte, so much apart), echo (`**` in the answer becomes the first two bytes of the request's path).
"""

import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

lock = threading.Lock()
replies = []
requests = []
connections = 0
UNSCRIPTED = (b"HTTP/1.1 599 Unscripted\r\nContent-Length: 0\r\n\r\n", {})


def read_request(conn, rest):
    data = rest
    while b"\r\n\r\n" not in data:
        more = conn.recv(65536)
        if not more:
            return None, b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        more = conn.recv(65536)
        if not more:
            return None, b""
        body += more
    return head + b"\r\n\r\n" + body[:length], body[length:]


def answer(conn, data, how):
    """Returns whether the connection goes on."""
    time.sleep(int(how.get("delay", 0)) / 1000)
    if "cut" in how:
        data = data[: int(how["cut"])]
    if "drip" in how:
        for i in range(len(data)):
            conn.sendall(data[i : i + 1])
            time.sleep(int(how["drip"]) / 1000)
    else:
        conn.sendall(data)
    if "hang" in how:
        time.sleep(60)
    if "reset" in how:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return not {"cut", "close", "reset", "hang"} & how.keys()


def serve(conn, context):
    try:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            conn = context.wrap_socket(conn, server_side=True)
        rest = b""
        while True:
            request, rest = read_request(conn, rest)
            if request is None:
                return
            with lock:
                requests.append(request)
                data, how = replies.pop(0) if replies else UNSCRIPTED
            if "echo" in how:
                data = data.replace(b"**", request.split(b" ")[1][:2])
            if not answer(conn, data, how):
                return
    except OSError:
        return
    finally:
        conn.close()


def accept(listener, kind, context):
    global connections
    kept = []
    while True:
        conn, _ = listener.accept()
        with lock:
            connections += 1
        if kind == "mute":
            kept.append(conn)
        else:
            threading.Thread(target=serve, args=(conn, context), daemon=True).start()


def fill(port):
    """Takes every place in the queue; from then on the kernel drops whoever knocks."""
    held = []
    for _ in range(8):
        conn = socket.socket()
        conn.setblocking(False)
        conn.connect_ex(("127.0.0.1", port))
        held.append(conn)
    time.sleep(0.1)
    return held


def make_context(kind, folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if kind == "tls11":
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context, cert


def obey(line):
    global connections
    words = line.split()
    with lock:
        if words[0] == "reply":
            how = {} if words[1] == "-" else dict((part.split("=") + [""])[:2] for part in words[1].split(","))
            replies.append((bytes.fromhex(words[2] if len(words) > 2 else ""), how))
            return "ok"
        if words[0] == "clear":
            replies.clear()
            requests.clear()
            connections = 0
            return "ok"
        return "\n".join([f"seen {connections} {len(requests)}"] + [request.hex() for request in requests])


def main():
    kind = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="peer.") as folder:
        context, cert = make_context(kind, folder) if kind.startswith("tls") else (None, "-")
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0 if kind == "full" else 128)
        port = listener.getsockname()[1]
        held = fill(port) if kind == "full" else None
        if kind != "full":
            threading.Thread(target=accept, args=(listener, kind, context), daemon=True).start()
        print(f"ready {port} {cert}", flush=True)
        for line in sys.stdin:
            print(obey(line), flush=True)
        del held


main()
