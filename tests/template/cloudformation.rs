//! Reads `template.yaml`; short forms such as `!Ref x` become `{"Ref": "x"}`, as in CloudFormation.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// The template, in its long form.
pub(crate) struct Template {
    pub(crate) parameters: Map<String, Value>,
    pub(crate) globals: Map<String, Value>,
    conditions: Map<String, Value>,
    pub(crate) resources: Map<String, Value>,
}

impl Template {
    pub(crate) fn read() -> Self {
        Self::of(include_str!("../../template.yaml"))
    }

    /// The template of a destination's stack.
    pub(crate) fn of_destination() -> Self {
        Self::of(include_str!("../../destination.yaml"))
    }

    fn of(text: &str) -> Self {
        let documents = Yaml::load_from_str(text).unwrap();
        let template = json(&documents[0]);
        let section = |name: &str| template[name].as_object().unwrap().clone();
        Self {
            parameters: section("Parameters"),
            globals: section("Globals"),
            conditions: section("Conditions"),
            resources: section("Resources"),
        }
    }

    /// The expression of a condition.
    pub(crate) fn condition(&self, name: &str) -> &Value {
        &self.conditions[name]
    }

    /// The variables of a function.
    pub(crate) fn variables(&self, function: &str) -> BTreeMap<String, Value> {
        let variables = &self.resources[function]["Properties"]["Environment"]["Variables"];
        variables.as_object().unwrap().clone().into_iter().collect()
    }

    /// The parameter that a value refers to.
    pub(crate) fn parameter_behind(&self, value: &Value) -> &Value {
        let name = value["Ref"].as_str().unwrap_or_else(|| panic!("{value} is not a reference"));
        self.parameters.get(name).unwrap_or_else(|| panic!("the parameter {name} does not exist"))
    }

    /// The parameters in a part of the template: in references, in texts, and in the conditions of an `Fn::If`.
    pub(crate) fn parameters_in(&self, node: &Value) -> BTreeSet<String> {
        let mut found: BTreeSet<_> = self.named_in(node).into_iter().collect();
        let inner: Vec<&Value> = match node {
            Value::Array(items) => items.iter().collect(),
            Value::Object(members) => members.values().collect(),
            _ => Vec::new(),
        };
        found.extend(inner.into_iter().flat_map(|value| self.parameters_in(value)));
        found
    }

    /// The parameters that one function of CloudFormation names, if `node` is one.
    fn named_in(&self, node: &Value) -> Vec<String> {
        let names = if let Some(name) = node["Ref"].as_str() {
            vec![name.to_owned()]
        } else if let Some(text) = node["Fn::Sub"].as_str().or(node["Fn::Sub"][0].as_str()) {
            let gaps = text.split("${").skip(1).filter_map(|gap| Some(gap.split_once('}')?.0.to_owned()));
            gaps.collect()
        } else if let Some(condition) = node["Fn::If"][0].as_str().or(node["Condition"].as_str()) {
            self.conditions
                .get(condition)
                .map_or_else(Vec::new, |value| self.parameters_in(value).into_iter().collect())
        } else {
            Vec::new()
        };
        names.into_iter().filter(|name| self.parameters.contains_key(name)).collect()
    }

    pub(crate) fn default(&self, parameter: &str) -> u64 {
        Self::number(&self.parameters[parameter]["Default"])
    }

    pub(crate) fn range(&self, parameter: &str) -> (u64, u64) {
        let parameter = &self.parameters[parameter];
        (Self::number(&parameter["MinValue"]), Self::number(&parameter["MaxValue"]))
    }

    pub(crate) fn words(&self, parameter: &str) -> Vec<String> {
        Self::list(&self.parameters[parameter]["AllowedValues"])
    }

    /// The statements of a role's own policies, those under a condition included.
    pub(crate) fn statements(&self, role: &str) -> Vec<Value> {
        let policies = self.resources[role]["Properties"]["Policies"].as_array().unwrap();
        let statements = policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
        statements.map(|statement| statement.get("Fn::If").map_or(statement, |choice| &choice[1]).clone()).collect()
    }

    /// Name and dimensions of every metric of a namespace in an alarm.
    pub(crate) fn metrics_of_alarms(&self, namespace: &str) -> Vec<(String, Vec<String>)> {
        let alarms = self.resources.values().filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm");
        let mut metrics = Vec::new();
        for alarm in alarms.map(|alarm| &alarm["Properties"]) {
            let stats = alarm["Metrics"].as_array().into_iter().flatten().map(|metric| &metric["MetricStat"]["Metric"]);
            for metric in stats.chain([alarm]).filter(|metric| metric["Namespace"] == namespace) {
                let dimensions = metric["Dimensions"].as_array().unwrap().iter();
                let dimensions = dimensions.map(|dimension| Self::text(&dimension["Name"])).collect();
                metrics.push((Self::text(&metric["MetricName"]), dimensions));
            }
        }
        metrics
    }

    /// The names of a namespace's metrics on the dashboard, in widgets and in searches.
    pub(crate) fn metrics_of_dashboard(&self, namespace: &str) -> BTreeSet<String> {
        let body = &self.resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
        // Parts of the dashboard that exist under a condition. Other substituted values have no effect on names.
        let mut text = Self::text(&body[0]).replace("${ObjectiveSeconds}", "300");
        for (name, value) in body[1].as_object().unwrap() {
            if let Some(part) = value["Fn::If"][1]["Fn::Sub"].as_str() {
                text = text.replace(&format!("${{{name}}}"), part);
            }
        }
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let mut names = BTreeSet::new();
        for widget in dashboard["widgets"].as_array().unwrap() {
            let mut before = [String::new(), String::new()];
            for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
                names.extend(searched(&row[0], namespace));
                let Some(row) = whole(row, &before) else { continue };
                if row[0] == namespace {
                    names.insert(row[1].clone());
                }
                before = row;
            }
        }
        names
    }

    /// A number, written as a number or as text.
    pub(crate) fn number(value: &Value) -> u64 {
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number.unwrap_or_else(|| panic!("{value} is not a number"))
    }

    /// A list of texts, or one text.
    pub(crate) fn list(value: &Value) -> Vec<String> {
        value.as_array().map_or_else(|| vec![Self::text(value)], |texts| texts.iter().map(Self::text).collect())
    }

    fn text(value: &Value) -> String {
        value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
    }
}

/// Namespace and name of a row of a widget: `.` repeats the value above, `...` repeats both; `None` for an expression.
fn whole(row: &Value, before: &[String; 2]) -> Option<[String; 2]> {
    let first = row[0].as_str()?;
    if first == "..." {
        return Some(before.clone());
    }
    let place =
        |at: usize| row[at].as_str().filter(|text| *text != ".").map_or_else(|| before[at].clone(), str::to_owned);
    Some([place(0), place(1)])
}

/// The metric in a search expression: `SEARCH('{Namespace,…} … MetricName="X"', …)`.
fn searched(row: &Value, namespace: &str) -> Option<String> {
    let expression = row["expression"].as_str()?;
    let (_, rest) = expression.split_once(&format!("{{{namespace},"))?;
    Some(rest.split_once("MetricName=\"")?.1.split_once('"')?.0.to_owned())
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(scalar) => of_scalar(scalar),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(members) => {
            members.iter().map(|(key, value)| (json(key).as_str().unwrap().to_owned(), json(value))).collect()
        }
        Yaml::Tagged(tag, inside) => long_form(&tag.suffix, json(inside)),
        other => panic!("{other:?} is not expected in a template"),
    }
}

fn of_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(boolean) => (*boolean).into(),
        Scalar::Integer(integer) => (*integer).into(),
        Scalar::FloatingPoint(float) => float.into_inner().into(),
        Scalar::String(text) => text.as_ref().into(),
    }
}

fn long_form(tag: &str, inside: Value) -> Value {
    let name = if ["Ref", "Condition"].contains(&tag) { tag.to_owned() } else { format!("Fn::{tag}") };
    Value::Object(Map::from_iter([(name, inside)]))
}
