"""What a user of AWS does by boto3, and prints as JSON."""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

OPTIONS = {
    "endpoint_url": sys.argv[1],
    "region_name": "us-east-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "hunter22",
    "config": Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
}


def main():
    s3, sqs = boto3.client("s3", **OPTIONS), boto3.client("sqs", **OPTIONS)
    found = []
    for bucket in ("ready", "health"):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="db", Body=b"a cup of tea" * 10000)
        found.append(len(s3.get_object(Bucket=bucket, Key="db")["Body"].read()))
        found.append(s3.head_object(Bucket=bucket, Key="db")["ETag"])
        found.append(reason_of(s3.get_object, Bucket=bucket, Key="nothing"))
        found.append(reason_of(s3.head_object, Bucket=bucket, Key="nothing"))
        found.append(reason_of(s3.delete_bucket, Bucket=bucket))
    found.append([bucket["Name"] for bucket in s3.list_buckets()["Buckets"]])
    url = sqs.create_queue(QueueName="teas")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="green")
    found.append([sent["Body"] for sent in sqs.receive_message(QueueUrl=url)["Messages"]])
    found.append(reason_of(sqs.get_queue_url, QueueName="nothing"))
    sys.stdout.write(json.dumps(found))


def reason_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return [error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
    return "no error"


main()
