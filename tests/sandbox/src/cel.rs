//! As much of CEL as the policies of tests are written in: paths, `has`, `in`, comparisons, `&&`,
//! `||`, `!`, `size`, and three methods of texts.

use serde_json::{Map, Value};

/// The variables an expression may name.
pub(crate) type Variables = Map<String, Value>;

/// The value of an expression. Fails with what CEL would say, or with what is not understood.
pub(crate) fn evaluate(expression: &str, variables: &Variables) -> Result<Value, String> {
    let tokens = tokens(expression)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        variables,
    };
    let value = parser.either();
    if parser.at < tokens.len() {
        // What is behind was skipped over by no error of the value itself.
        return Err(match value {
            Err(Trouble::Syntax(why)) => format!("Syntax error: {why}"),
            _ => format!("Syntax error: unexpected '{}'", tokens[parser.at]),
        });
    }
    value.map_err(|trouble| match trouble {
        Trouble::Syntax(why) => format!("Syntax error: {why}"),
        Trouble::Value(why) => why,
    })
}

/// Whether an expression can be read at all.
pub(crate) fn check(expression: &str) -> Result<(), String> {
    match evaluate(expression, &Variables::new()) {
        Err(why) if why.starts_with("Syntax error") => Err(why),
        _ => Ok(()),
    }
}

#[derive(Debug, Clone)]
enum Trouble {
    /// The expression makes no sense, or too much for the sandbox.
    Syntax(String),
    /// There is no such value.
    Value(String),
}

type Found = Result<Value, Trouble>;

struct Parser<'a> {
    tokens: &'a [String],
    at: usize,
    variables: &'a Variables,
}

impl Parser<'_> {
    fn either(&mut self) -> Found {
        let mut left = self.both()?;
        while self.takes("||") {
            // An error on one side is outweighed by the truth of the other.
            let right = self.both();
            left = match (left, right) {
                (Value::Bool(true), Ok(_) | Err(Trouble::Value(_))) => Value::Bool(true),
                (_, right) => right?,
            };
        }
        Ok(left)
    }

    fn both(&mut self) -> Found {
        let mut left = self.relation();
        while self.takes("&&") {
            let right = self.relation();
            left = match (left, right) {
                (Err(Trouble::Syntax(why)), _) | (_, Err(Trouble::Syntax(why))) => {
                    return Err(Trouble::Syntax(why));
                }
                (Ok(Value::Bool(false)), _) | (_, Ok(Value::Bool(false))) => Ok(Value::Bool(false)),
                (Err(left), _) => Err(left),
                (_, right) => right,
            };
        }
        left
    }

    fn relation(&mut self) -> Found {
        let left = self.unary();
        for operator in ["==", "!=", "in"] {
            if self.takes(operator) {
                let right = self.unary()?;
                let left = left?;
                return Ok(Value::Bool(match operator {
                    "==" => left == right,
                    "!=" => left != right,
                    _ => match (&left, &right) {
                        (Value::String(key), Value::Object(map)) => map.contains_key(key),
                        (_, Value::Array(list)) => list.contains(&left),
                        _ => return Err(Trouble::Value("no such overload".into())),
                    },
                }));
            }
        }
        left
    }

    fn unary(&mut self) -> Found {
        if self.takes("!") {
            return match self.unary()? {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                _ => Err(Trouble::Value("no such overload".into())),
            };
        }
        let mut value = self.primary();
        loop {
            if self.takes(".") {
                let name = self.next()?;
                if !is_name(&name) {
                    return Err(Trouble::Syntax(format!("unexpected '{name}'")));
                }
                value = if self.takes("(") {
                    let argument = self.either()?;
                    self.must(")")?;
                    let test = method(&name)?;
                    match (value?.as_str(), argument.as_str()) {
                        (Some(text), Some(part)) => Ok(test(text, part).into()),
                        _ => Err(Trouble::Value("no such overload".into())),
                    }
                } else {
                    value.and_then(|value| member(&value, &name))
                };
            } else if self.takes("[") {
                let key = self.either()?;
                self.must("]")?;
                let key = key.as_str().unwrap_or_default();
                value = value.and_then(|value| member(&value, key));
            } else {
                return value;
            }
        }
    }

    fn primary(&mut self) -> Found {
        let token = self.next()?;
        if let Some(text) = token.strip_prefix('"') {
            return Ok(text.into());
        }
        match token.as_str() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            "null" => Ok(Value::Null),
            "(" => {
                let value = self.either();
                self.must(")")?;
                value
            }
            "[" => {
                let mut list = Vec::new();
                while !self.takes("]") {
                    list.push(self.either()?);
                    self.takes(",");
                }
                Ok(list.into())
            }
            "has" | "size" if self.takes("(") => {
                let value = self.either();
                self.must(")")?;
                if token == "size" {
                    return value.map(|value| size(&value).into());
                }
                match value {
                    Err(Trouble::Syntax(why)) => Err(Trouble::Syntax(why)),
                    value => Ok(value.is_ok_and(|value| !value.is_null()).into()),
                }
            }
            name => {
                if let Ok(number) = name.parse::<u64>() {
                    return Ok(number.into());
                }
                if !is_name(name) {
                    return Err(Trouble::Syntax(format!("unexpected '{name}'")));
                }
                let known = self.variables.get(name).cloned();
                known.ok_or_else(|| Trouble::Value(format!("no such attribute(s): {name}")))
            }
        }
    }

    fn next(&mut self) -> Result<String, Trouble> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| Trouble::Syntax("the expression ends too early".into()))
    }

    fn takes(&mut self, token: &str) -> bool {
        let there = self.tokens.get(self.at).is_some_and(|own| own == token);
        self.at += usize::from(there);
        there
    }

    fn must(&mut self, token: &str) -> Result<(), Trouble> {
        if self.takes(token) {
            return Ok(());
        }
        Err(Trouble::Syntax(format!("'{token}' is missing")))
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

fn member(value: &Value, name: &str) -> Found {
    let found = value.get(name).cloned();
    found.ok_or_else(|| Trouble::Value(format!("no such key: {name}")))
}

fn method(name: &str) -> Result<fn(&str, &str) -> bool, Trouble> {
    match name {
        "startsWith" => Ok(|text, part| text.starts_with(part)),
        "endsWith" => Ok(|text, part| text.ends_with(part)),
        "contains" => Ok(|text, part| text.contains(part)),
        _ => {
            let why = format!("the sandbox knows no method '{name}'");
            Err(Trouble::Syntax(why))
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        Value::String(text) => text.chars().count(),
        _ => 0,
    }
}

/// Splits an expression; texts begin with a quote and have no other.
fn tokens(expression: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' || first == '"' {
            let end = rest[1..]
                .find(first)
                .ok_or_else(|| "Syntax error: a text does not end".to_owned())?;
            tokens.push(format!("\"{}", &rest[1..=end]));
            rest = rest[end + 2..].trim_start();
            continue;
        } else if ["&&", "||", "==", "!="]
            .iter()
            .any(|two| rest.starts_with(two))
        {
            2
        } else if first.is_ascii_alphanumeric() || first == '_' {
            rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_')
                .unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(expression: &str) -> Result<bool, String> {
        let object = json!({ "metadata": { "namespace": "shop", "labels": { "k": "v" } } });
        let variables = json!({ "object": object, "oldObject": null });
        let variables = variables.as_object().cloned().unwrap_or_default();
        evaluate(expression, &variables).map(|value| value == Value::Bool(true))
    }

    #[test]
    fn expressions_of_policies_are_understood() {
        for (expression, value) in [
            ("false", false),
            ("!false", true),
            ("object.metadata.namespace != \"shop\"", false),
            ("object.metadata.namespace == 'shop'", true),
            (
                "has(object.metadata.labels) && 'k' in object.metadata.labels",
                true,
            ),
            ("has(object.metadata.annotations)", false),
            ("has(object.spec) && object.spec.x == 'y'", false),
            ("!has(object.spec) || object.spec.x == 'y'", true),
            ("object.metadata.labels['k'] == 'v'", true),
            ("object.metadata.namespace in ['a', 'shop']", true),
            ("(true || false) && object.metadata.name.size == 1", false),
            ("object.metadata.namespace.startsWith('sh')", true),
            ("size(object.metadata.labels) == 1", true),
            ("oldObject == null", true),
        ] {
            let found = holds(expression);
            // A value that is not there is no truth either.
            assert_eq!(
                found.clone().unwrap_or(false),
                value,
                "{expression}: {found:?}"
            );
        }
        assert_eq!(
            holds("object.spec.x == 'y'"),
            Err("no such key: spec".into())
        );
        for broken in [
            "",
            "object.",
            "(true",
            "'open",
            "true true",
            "?",
            "x.matches('y')",
        ] {
            assert!(check(broken).is_err(), "{broken}");
        }
    }
}
