"""One recording on its way from a web server into an S3 server, against `rclone copyurl`; called by measure.py."""
import hashlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "http"))
import s3_server  # noqa: E402
from harness import free_ports, wait_for  # noqa: E402

MIB = 1024 * 1024
NGINX = """pid {folder}/nginx.pid;
worker_processes 1;
daemon off;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        types {{ video/mp4 mp4; }}
        location /rec/ {{ return 302 http://127.0.0.1:{port}/recording.mp4; }}
    }}
}}
"""


class Recordings:
    def __init__(self, program):
        self.program = program
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="meetpool-bench."))
        self.folder.chmod(0o755)
        self.nginx = self.server = None

    def open(self):
        port, = free_ports(1)
        self.url = f"http://127.0.0.1:{port}/rec/download/x"
        (self.folder / "nginx.conf").write_text(NGINX.format(folder=self.folder, port=port))
        self.nginx = subprocess.Popen(["nginx", "-c", f"{self.folder}/nginx.conf", "-e", f"{self.folder}/error.log"])
        self.server = s3_server.S3Server()
        self.bucket = self.server.bucket()
        wait_for(lambda: (self.folder / "nginx.pid").exists(), what="nginx")

    def close(self):
        if self.nginx:
            self.nginx.terminate()
            self.nginx.wait()
        if self.server:
            self.server.close()
        shutil.rmtree(self.folder)

    def make(self, size):
        """The file that the web server has; answers its SHA-256."""
        digest = hashlib.sha256()
        with open(self.folder / "recording.mp4", "wb") as out:
            for at in range(0, size, MIB):
                piece = os.urandom(min(MIB, size - at))
                if at == 0:
                    piece = b"\0\0\0\x20ftypisom" + piece[12:]
                digest.update(piece)
                out.write(piece)
        self.size = size
        return digest.hexdigest()

    def ours(self):
        return [self.program, f"url={self.url}", f"size={self.size}", f"endpoint={self.server.url}", f"bucket={self.bucket.name}",
                f"access={s3_server.KEY}", f"secret={s3_server.SECRET}", "folder=/nowhere", "key=ours.mp4"]

    def rclones(self):
        remote = (f":s3,provider=Other,access_key_id='{s3_server.KEY}',secret_access_key={s3_server.SECRET},endpoint='{self.server.url}',"
                  f"region={s3_server.REGION}:{self.bucket.name}/rclone.mp4")
        return ["rclone", "--config", "/dev/null", "copyurl", self.url, remote]

    @staticmethod
    def run(command):
        """Seconds, seconds of CPU, bytes of memory. rclone cannot be used with AWS_CA_BUNDLE set."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        began = time.monotonic()
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - began
            said.seek(0)
            text = said.read().decode(errors="replace")
        if process.returncode != 0 or (command[0] != "rclone" and "end DONE" not in text):
            raise SystemExit(f"{command[0]} failed: {text}")
        # What wait4() says is at least what this script itself holds; our program tells its own.
        own = re.search(r"^rss_kib (\d+)$", text, re.M)
        return seconds, used.ru_utime + used.ru_stime, (int(own[1]) if own else used.ru_maxrss) * 1024

    def identical(self, key, digest):
        """Read in ranges: the client of the tests holds what it reads."""
        found = hashlib.sha256()
        for at in range(0, self.size, 64 * MIB):
            found.update(self.bucket.call("GET", key, headers={"Range": f"bytes={at}-{min(at + 64 * MIB, self.size) - 1}"})[2])
        return found.hexdigest() == digest and self.bucket.uploads() == []

    def compare(self, rounds, size, tell):
        digest = self.make(size)
        ours, theirs = [], []
        for number in range(rounds):
            print(f"recording, round {number + 1} of {rounds}", file=sys.stderr)
            turns = [(self.ours, ours), (self.rclones, theirs)]
            for command, figures in turns if number % 2 == 0 else reversed(turns):
                figures.append(self.run(command()))
        if not self.identical("ours.mp4", digest):
            raise SystemExit("the recording that arrived is not the one that was sent")
        for at, name in enumerate(("wall", "cpu", "rss")):
            unit, factor = ("bytes", 1) if name == "rss" else ("ms", 1000)
            tell(f"recording_{name}", statistics.median(one[at] for one in ours) * factor, unit)
            tell(f"recording_{name}_to_rclone", statistics.median(one[at] / other[at] for one, other in zip(ours, theirs)), "ratio")

    def large(self, size, tell):
        digest = self.make(size)
        wall, cpu, rss = self.run(self.ours())
        if not self.identical("ours.mp4", digest):
            raise SystemExit("the large recording that arrived is not the one that was sent")
        tell("recording_large_wall", wall * 1000, "ms")
        tell("recording_large_cpu", cpu * 1000, "ms")
        tell("recording_large_rss", rss, "bytes")
