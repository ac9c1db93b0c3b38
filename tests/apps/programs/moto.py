"""moto: a Flask app for each service of AWS, in debug mode, whose errors are XML or JSON."""

from urllib.parse import urlencode

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import Client

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/x-amz-json-1.0"}


def ask(client: Client) -> None:
    s3 = signed("s3")
    for method, path, body in (
        ("GET", "/", None),
        ("PUT", "/teas", None),
        ("PUT", "/teas/green.txt", b"a cup of tea"),
        ("GET", "/teas/green.txt", None),
        ("HEAD", "/teas/green.txt", None),
        ("GET", "/teas?list-type=2", None),
        ("GET", "/teas/black.txt", None),
        ("GET", "/nothing", None),
        ("DELETE", "/teas", None),
        ("PUT", "/health", None),
        ("DELETE", "/health", None),
        ("PUT", "/ready", None),
        ("PUT", "/ready/green.txt", b"a cup of tea"),
        ("GET", "/ready/green.txt", None),
        ("HEAD", "/ready/green.txt", None),
    ):
        client.ask(method, path, body, s3)
    client.get("/teas/green.txt", {**s3, "Range": "bytes=2-4"})
    client.get("/teas/green.txt", {**s3, "Range": "bytes=200-400"})
    client.ask("HEAD", "/teas/black.txt", headers=s3, envelope="")
    client.ask("PATCH", "/teas", b"", s3, envelope="", exc_type="NotImplementedError")
    client.ask("POST", "/teas?delete", b"<a", s3, envelope="", exc_type="ExpatError")
    _use_sqs(client)
    _use_iam(client)
    client.get("/moto-api/")


def _use_sqs(client: Client) -> None:
    headers = signed("sqs") | JSON | {"X-Amz-Target": "AmazonSQS.CreateQueue"}
    client.ask("POST", "/", b'{"QueueName": "teas"}', headers)
    client.ask("POST", "/", b'{"QueueName": "one two"}', headers)
    client.ask("POST", "/", b"{", headers, envelope="", exc_type="TypeError")
    headers["X-Amz-Target"] = "AmazonSQS.GetQueueUrl"
    client.ask("POST", "/", b'{"QueueName": "nothing"}', headers)
    headers["X-Amz-Target"] = "AmazonSQS.Fly"
    client.ask("POST", "/", b"{}", headers, envelope="", exc_type="OperationNotFoundError")


def _use_iam(client: Client) -> None:
    for action in ("CreateUser", "GetUser", "DeleteUser", "GetUser"):
        form = {"Action": action, "UserName": "ada", "Version": "2010-05-08"}
        client.ask("POST", "/", urlencode(form).encode(), signed("iam") | FORM)


def signed(service: str) -> dict[str, str]:
    """Return the headers by which moto tells the services apart."""
    credential = f"Credential=AKIDEXAMPLE/20260101/us-east-1/{service}/aws4_request"
    scheme = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=hunter22"
    return {"Authorization": scheme, "Host": f"{service}.us-east-1.amazonaws.com"}


APPLICATION = Application(
    name="moto",
    requirements=("moto[server]>=5", "boto3>=1.35"),
    entry="aws:app",
    files="moto",
    ask=ask,
    varying=(
        r"\b[A-Za-z0-9]{52}\b",  # request IDs
        r"(?<=<UserId>)\w+",
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?",
        HTTP_DATE,
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ),
)
