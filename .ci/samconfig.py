"""Checks samconfig.toml against the templates: every parameter exists and has an allowed value, and the environment of a
build names the same architecture as that of its deployment."""

import re
from pathlib import Path

import tomlkit
from samcli.cli.types import CfnParameterOverridesType, CfnTags
from samcli.yamlhelper import yaml_parse


def overrides(parameters):
    """As `sam` reads them."""
    return CfnParameterOverridesType().convert(tuple(parameters.get("parameter_overrides", ())), None, None)


def check(name, value, definition):
    allowed = [str(word) for word in definition.get("AllowedValues", [value])]
    assert value in allowed, f"{name}={value}"
    assert re.search(definition.get("AllowedPattern", ""), value), f"{name}={value}"
    if definition["Type"] == "Number":
        least, most = float(definition.get("MinValue", "-inf")), float(definition.get("MaxValue", "inf"))
        assert least <= float(value) <= most, f"{name}={value}"


def parameters_of(commands):
    """The parameters of the template that an environment deploys."""
    template = commands.get("validate", {}).get("parameters", {}).get("template_file", "template.yaml")
    return yaml_parse(Path(template).read_text())["Parameters"]


def main():
    settings = tomlkit.parse(Path("samconfig.toml").read_text()).unwrap()
    environments = {name: commands for name, commands in settings.items() if name != "version"}
    for environment, commands in environments.items():
        parameters = parameters_of(commands)
        build, deploy = (overrides(commands[command]["parameters"]) for command in ("build", "deploy"))
        for name, value in (build | deploy).items():
            assert name in parameters, f"{environment}: the template has no parameter {name}"
            check(f"{environment}: {name}", value, parameters[name])
        assert build.get("Architecture") == deploy.get("Architecture"), f"{environment}: the architectures differ"
    prod = environments["prod"]["deploy"]["parameters"]
    assert CfnTags().convert(tuple(prod["tags"]), None, None) and overrides(prod)["AlarmTopicArn"]


main()
