"""A mail server to send alerts to: keeps what it got, refuses, hangs and goes away on demand."""
import base64
import datetime
import email
import email.policy
import ipaddress
import socketserver
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder, *addresses):
    """A certificate for these addresses, good for a day, and its key: the paths of both."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(one)) for one in addresses])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1)).add_extension(names, False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
    (folder / "mail.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "mail.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return folder / "mail.crt", folder / "mail.key"


class Mail:
    def __init__(self, sender, recipients, raw, user, tls):
        self.sender, self.recipients, self.raw, self.user, self.tls = sender, recipients, raw, user, tls
        self.message = email.message_from_bytes(raw, policy=email.policy.default)

    @property
    def subject(self):
        return self.message["Subject"]

    @property
    def text(self):
        return self.message.get_content()


class Session(socketserver.StreamRequestHandler):
    timeout = 60
    user = None
    tls = False

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")
        self.wfile.flush()

    def wrap(self):
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile, self.tls = self.connection.makefile("rb"), self.connection.makefile("wb"), True

    def handle(self):
        try:
            self.talk()
        except OSError:
            pass

    def talk(self):
        if self.server.implicit:
            self.wrap()
        self.say("220 here")
        while line := self.rfile.readline():
            words = line.decode().strip()
            self.server.heard.append(words)
            if not self.answer(*(words.split(" ", 1) + [""])[:2]):
                return

    def answer(self, verb, rest):
        verb = verb.upper()
        if verb == "QUIT":
            self.say("221 bye")
            return False
        if verb == "EHLO":
            offers = ["here", "AUTH PLAIN"] + (["STARTTLS"] if self.server.context and not self.tls and self.server.offers_tls else [])
            for index, offer in enumerate(offers):
                self.say(f"250{' ' if index == len(offers) - 1 else '-'}{offer}")
        elif verb == "STARTTLS":
            self.say("220 go")
            self.wrap()
        elif verb == "AUTH":
            self.say("334 ")
            self.user = base64.b64decode(self.rfile.readline()).decode().split("\0")[1:]
            self.say("235 welcome")
        elif verb == "MAIL":
            self.sender, self.recipients = rest.split(":", 1)[1].split()[0], []
            self.say("250 ok")
        elif verb == "RCPT":
            recipient = rest.split(":", 1)[1].strip()
            known = recipient not in self.server.strangers
            self.recipients += [recipient] if known else []
            self.say("250 ok" if known else "550 nobody of that name")
        elif verb == "DATA":
            self.data()
        else:
            self.say("250 ok")
        return True

    def data(self):
        self.say("354 go")
        raw = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            raw += line[1:] if line.startswith(b".") else line
        server = self.server
        server.arrivals += 1
        server.go_on.wait(30)
        if server.refusals:
            server.refusals -= 1
            self.say("451 not now")
            return
        server.mails.append(Mail(self.sender, self.recipients, raw, self.user, self.tls))
        self.say("250 taken")


class MailServer(socketserver.ThreadingTCPServer):
    """`mails`: what it took. `refusals`: so many are refused. hold(): mails arrive and are not answered until release()."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, certificate=None, implicit=False, offers_tls=True, port=0):
        super().__init__(("127.0.0.1", port), Session)
        self.port = self.server_address[1]
        self.mails, self.heard, self.strangers = [], [], set()
        self.arrivals = self.refusals = 0
        self.implicit, self.offers_tls, self.context = implicit, offers_tls, None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.go_on = threading.Event()
        self.release()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def hold(self):
        self.go_on.clear()

    def release(self):
        self.go_on.set()

    def handle_error(self, request, client_address):
        pass  # a client that died in the middle

    def close(self):
        self.release()
        self.shutdown()
        self.server_close()
