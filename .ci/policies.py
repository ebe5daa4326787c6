"""Checks docs/policies against what the stack and the manual need.

    policies.py EXPANDED    EXPANDED is the output of expand.py

The policies of deployers allow what CloudFormation calls for the template's resource types (by the registry's schemas,
which cfn-lint contains), and nothing for which there is no reason. The policy of operators allows every command of
docs/operate.md.
"""

import json
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import cfnlint

LIMIT = 6_144  # characters of a managed policy, without white space
POLICIES = Path("docs/policies")

# Calls for features of these resource types that the template does not use.
NOT_USED = """
    ec2:* elasticfilesystem:* s3files:* firehose:* lakeformation:* s3tables:* kms:* iam:CreateServiceLinkedRole
    iam:DeleteRolePermissionsBoundary codedeploy:RegisterOnPremisesInstance glue:*Connection glue:GetSchemaVersion
    lambda:*ProvisionedConcurrencyConfig lambda:*CodeSigningConfig lambda:AssociateRuntimeAlias
    logs:*IndexPolicy logs:DeleteDataProtectionPolicy logs:PutDataProtectionPolicy logs:PutBearerTokenAuthentication
    logs:PutLogGroupDeletionProtection logs:DeleteResourcePolicy sns:PutDataProtectionPolicy
    s3:*MetadataTableConfiguration s3:UpdateBucketMetadata* s3:PutBucketAbac s3:*Accelerate* s3:*AnalyticsConfiguration
    s3:*InventoryConfiguration s3:*MetricsConfiguration s3:*IntelligentTieringConfiguration s3:*ObjectLockConfiguration
    s3:*Replication s3:PutReplicationConfiguration s3:*Website s3:*CORS s3:*Cors s3:PutBucketAcl s3:PutObjectAcl
    s3:PutBucketLogging s3:PutBucketNotification s3:DeleteBucketEncryption s3:DeleteBucketLifecycle s3:DeleteBucket
    cloudfront:*ConnectionGroup cloudfront:GetVpcOrigin cloudfront:UpdateDistributionWithStagingConfig
    s3:DeleteObject s3:*Multipart* s3:getObject s3:REST.PUT.OBJECT
""".split()

# Allowed for the commands of `sam` and of docs/operate.md, for the log that API Gateway writes, and for the template's
# reference to CloudFront's secret.
OF_COMMANDS = """
    cloudformation:* s3:GetBucketLocation s3:PutObject lambda:ListVersionsByFunction
    logs:CreateLogDelivery logs:DeleteLogDelivery logs:GetLogDelivery logs:ListLogDeliveries logs:UpdateLogDelivery
    apigateway:UntagResource apigateway:TagResource secretsmanager:GetSecretValue
""".split()

# Commands of the manual that only an administrator runs: they delete data, or belong to the account.
OF_ADMINISTRATORS = (
    "s3", "s3api", "cloudformation update-termination-protection", "cloudformation deploy", "sns", "iam",
    "secretsmanager",
)


def actions(name):
    policy = json.loads((POLICIES / f"{name}.json").read_text())
    size = len(json.dumps(policy, separators=(",", ":")))
    assert size <= LIMIT, f"{name}: {size} characters"
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def matches(action, patterns):
    return any(fnmatchcase(action, pattern) for pattern in patterns)


def of_handlers(types):
    """What CloudFormation's handlers of these resource types call."""
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas"
    names = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    for kind in types:
        handlers = json.loads((schemas / "resources" / f"{names[kind]}.json").read_text())["handlers"]
        for handler in ("create", "read", "update", "delete"):
            yield from handlers.get(handler, {}).get("permissions", [])


def of_commands(manual):
    """The calls behind the commands `aws SERVICE OPERATION` of the manual."""
    for service, operation in re.findall(r"\baws ([a-z0-9]+) ([a-z-]+)", manual):
        if not {service, f"{service} {operation}"} & set(OF_ADMINISTRATORS):
            yield f"{service}:" + "".join(word.capitalize() for word in operation.split("-"))


def main(expanded):
    resources = json.loads(Path(expanded).read_text())["Resources"].values()
    needed = set(of_handlers(sorted({resource["Type"] for resource in resources})))
    allowed = actions("deploy-code") | actions("deploy-data")
    missing = sorted(action for action in needed if not matches(action, allowed) and not matches(action, NOT_USED))
    assert not missing, f"the policies of deployers lack {missing}"
    without_reason = [a for a in allowed if not any(fnmatchcase(n, a) for n in needed) and not matches(a, OF_COMMANDS)]
    assert not without_reason, f"the policies of deployers need no {sorted(without_reason)}"

    wanted = set(of_commands(Path("docs/operate.md").read_text()))
    missing = sorted(wanted - actions("operate"))
    assert wanted and not missing, f"the policy of operators lacks {missing}"
    print(f"{len(needed)} calls of CloudFormation and {len(wanted)} commands, {len(allowed)} allowed actions")


main(*sys.argv[1:])
