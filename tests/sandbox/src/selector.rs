//! Label and field selectors.

use serde_json::Value;

use crate::object;
use crate::status::Status;

/// Which objects of a resource a list, a watch or a collection delete is about.
#[derive(Debug, Default, Clone)]
pub(crate) struct Selection {
    /// One namespace, or all.
    pub(crate) namespace: Option<String>,
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

#[derive(Debug, Clone)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl Selection {
    /// Parses the two selectors of a query. Fails with 400 like a real server.
    pub(crate) fn parse(
        namespace: Option<&str>,
        labels: &str,
        fields: &str,
    ) -> Result<Selection, Status> {
        Ok(Selection {
            namespace: namespace.map(str::to_owned),
            labels: parse_labels(labels)?,
            fields: parse_fields(fields)?,
        })
    }

    /// Whether it picks by label or field, so that a count of the rest would be wrong.
    pub(crate) fn is_filtered(&self) -> bool {
        !self.labels.is_empty() || !self.fields.is_empty()
    }

    /// Whether the object is one of them.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.namespace
            .as_deref()
            .is_none_or(|namespace| namespace == object::namespace(object))
            && self
                .labels
                .iter()
                .all(|one| one.test.holds(object::label(object, &one.key)))
            && self.fields.iter().all(|one| {
                let pointer = format!("/{}", one.key.replace('.', "/"));
                one.test.holds(Some(object::text(object, &pointer)))
            })
    }
}

/// Whether labels satisfy a `matchLabels`/`matchExpressions` selector object.
pub(crate) fn matches_labels(selector: &Value, object: &Value) -> bool {
    let exact = selector.get("matchLabels").and_then(Value::as_object);
    let exact = exact.into_iter().flatten();
    let expressions = object::items(selector, "/matchExpressions");
    exact
        .clone()
        .all(|(key, value)| object::label(object, key) == value.as_str())
        && expressions.iter().all(|expression| {
            let values = object::texts(expression, "/values")
                .into_iter()
                .map(str::to_owned);
            let test = match object::text(expression, "/operator") {
                "In" => Test::In(values.collect()),
                "NotIn" => Test::NotIn(values.collect()),
                "Exists" => Test::Exists,
                _ => Test::Absent,
            };
            test.holds(object::label(object, object::text(expression, "/key")))
        })
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::In(values) => value.is_some_and(|value| values.iter().any(|one| one == value)),
            Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|one| one != value)),
        }
    }
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, Status> {
    let mut requirements = Vec::new();
    for part in split_outside_parentheses(text) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        requirements.push(
            parse_label(part).ok_or_else(|| {
                Status::bad_request(format!("unable to parse requirement: {part}"))
            })?,
        );
    }
    Ok(requirements)
}

fn parse_label(part: &str) -> Option<Requirement> {
    let requirement = |key: &str, test| {
        Some(Requirement {
            key: key.trim().to_owned(),
            test,
        })
    };
    if let Some((head, values)) = part.split_once('(') {
        let values: Vec<String> = values
            .strip_suffix(')')?
            .split(',')
            .map(|one| one.trim().to_owned())
            .collect();
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        return match operator {
            "in" => requirement(key, Test::In(values)),
            "notin" => requirement(key, Test::NotIn(values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return requirement(key, Test::NotIn(vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return requirement(key, Test::In(vec![value.trim().to_owned()]));
    }
    match part.strip_prefix('!') {
        Some(key) => requirement(key, Test::Absent),
        None if part.contains(char::is_whitespace) => None,
        None => requirement(part, Test::Exists),
    }
}

fn parse_fields(text: &str) -> Result<Vec<Requirement>, Status> {
    let mut requirements = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (key, value, equal) = if let Some((key, value)) = part.split_once("!=") {
            (key, value, false)
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (key, value, true)
        } else {
            return Err(Status::bad_request(format!(
                "invalid selector: '{part}'; can't understand '{part}'"
            )));
        };
        let value = vec![value.to_owned()];
        let test = if equal {
            Test::In(value)
        } else {
            Test::NotIn(value)
        };
        requirements.push(Requirement {
            key: key.to_owned(),
            test,
        });
    }
    Ok(requirements)
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
