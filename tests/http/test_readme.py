"""README.md's examples, as they stand."""
import json
import re
import subprocess

from harness import REPO, alive

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.S | re.M)


def documents(text):
    """Every JSON document of a text that holds nothing else."""
    decoder, found = json.JSONDecoder(), []
    while text.strip():
        document, end = decoder.raw_decode(text.lstrip())
        text = text.lstrip()[end:]
        found.append(document)
    return found


def test_every_example_works_when_pasted(stack):
    blocks = BLOCK.findall((REPO / "README.md").read_text())
    assert len(blocks) >= 7
    done = subprocess.run(["bash", "-eu", "-o", "pipefail"], input="\n".join(blocks), cwd=REPO, env=stack.env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answers = documents(done.stdout)
    assert len(answers) >= 9
    for answer in answers:
        assert answer.get("success") is True or answer["status"]["success"] is True, answer
    assert alive(stack.pid())
