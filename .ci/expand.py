"""Expands template.yaml as SAM's transform does on AWS, and checks texts and dependencies that linters ignore.

    expand.py TEMPLATE OUT   writes the expanded template
    expand.py --regions      prints the regions that support every resource type of the template
"""

import base64
import json
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import boto3
import cfnlint
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

NEWEST_TYPE = "AWS::Lambda::CapacityProvider"


def expand(path):
    template = yaml_parse(Path(path).read_text())
    for resource in template["Resources"].values():
        for local in ("CodeUri", "ContentUri"):
            if local in resource.get("Properties", {}):
                resource["Properties"][local] = "s3://a-bucket/" + resource["Properties"][local]
    session = boto3.Session(region_name="us-east-1")
    return Translator({}, Parser(), boto_session=session).translate(template, {})


def references(node):
    """The names in the references and texts of a part of the template."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield value[0] if isinstance(value, list) else value.split(".")[0]
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) else value
                yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text))
                yield from references(value)
            elif key == "DependsOn":
                yield from [value] if isinstance(value, str) else value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def order_of_creation(resources):
    """Fails on a cycle; update policies count as dependencies, as in CloudFormation."""
    graph = {name: {to for to in references(body) if to in resources} for name, body in resources.items()}
    return list(TopologicalSorter(graph).static_order())


def substituted(sub):
    """The text of an Fn::Sub with every placeholder replaced by 1, which is valid as a number and inside a text."""
    text = sub["Fn::Sub"] if isinstance(sub["Fn::Sub"], str) else sub["Fn::Sub"][0]
    return re.sub(r"\$\{[^!}]+\}", "1", text)


def filled(text, values, branch):
    """The dashboard with this branch of its conditional parts."""
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(value.get("Fn::If", [0, 0, 0])[2], str):
            part = value["Fn::If"][branch]
            text = text.replace("${%s}" % name, part["Fn::Sub"] if isinstance(part, dict) else part)
    return json.loads(substituted({"Fn::Sub": text}))


def check_texts(resources):
    """JSON inside texts: the dashboard, the view and the access log's format."""
    text, values = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    without, with_tables = (filled(text, values, branch) for branch in (2, 1))
    assert 10 < len(without["widgets"]) < len(with_tables["widgets"])
    view = resources["RecordsView"]["Properties"]["TableInput"]
    text = view["ViewOriginalText"]["Fn::Sub"][1]["View"]["Fn::Base64"]
    definition = json.loads(base64.b64decode(base64.b64encode(substituted(text).encode())))
    kinds = {"string": "varchar", "int": "integer"}
    columns = [{"name": c["Name"], "type": kinds[c["Type"]]} for c in view["StorageDescriptor"]["Columns"]]
    assert definition["columns"] == columns, "the view's two lists of columns differ"
    stage = resources["ApiApiGatewayDefaultStage"]["Properties"]["AccessLogSettings"]["Fn::If"][1]
    fields = json.loads(stage["Format"]).values()
    personal = re.compile(r"sourceIp|userAgent|path|query|authorizer|identity", re.IGNORECASE)
    assert not [field for field in fields if personal.search(field)], "personal data in the access log"


def check_order(resources):
    order = order_of_creation(resources)
    for ingest in ("IngestFunction", "ManagedIngestFunction"):
        assert order.index("DeliverFunctionAliaslive") < order.index(ingest), "deliver must be deployed before ingest"


def check_versions(resources):
    """`tests/template/versions.rs` checks the descriptions; here only that SAM writes them into the versions."""
    versions = [body["Properties"] for body in resources.values() if body["Type"] == "AWS::Lambda::Version"]
    assert len(versions) == 4 and all("Fn::Sub" in version["Description"] for version in versions)


def regions():
    known = Path(cfnlint.__file__).parent / "data" / "schemas" / "providers"
    return [f.stem for f in sorted(known.glob("*-*.json")) if NEWEST_TYPE in json.loads(f.read_text())]


if sys.argv[1] == "--regions":
    print("\n".join(regions()))
else:
    expanded = expand(sys.argv[1])
    check_texts(expanded["Resources"])
    check_order(expanded["Resources"])
    check_versions(expanded["Resources"])
    Path(sys.argv[2]).write_text(json.dumps(expanded, indent=1))
