"""The page as a response: its headers, and what its source may not contain."""

import base64
import hashlib
import re


def test_the_policy_allows_the_script_and_the_style_of_the_page_and_nothing_else(client):
    reply = client.get("/")
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))

    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for tag in ("script", "style"):
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>", reply.text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert (policy["default-src"], policy["connect-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert "unsafe" not in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_page_is_served_without_the_key_and_has_no_data(serve, served_project):
    with serve(served_project.repo, served_project.releases, api_key="correct horse 12") as (client, service):
        page, posted = client.get("/"), client.post("/", {})
        release = service.switch.current.version

    assert (page.status, posted.status) == (200, 405)
    assert release not in page.text


def test_the_page_loads_nothing_and_builds_no_markup_from_texts(client):
    text = client.get("/").text

    assert re.findall(r"https?://[^\"']*", text) == ["http://www.w3.org/2000/svg"]  # a name, not an address
    assert re.findall(r"\b(?:src|srcset|style|on\w+)=", text.partition("<script>")[0]) == []
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert unsafe not in text


def test_the_page_is_not_in_the_description_of_the_api(client):
    assert "/" not in client.get("/openapi.json").json["paths"]
