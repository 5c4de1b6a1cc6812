//! Labels and annotations of an operator's own, for what we make on a cluster: as Kubernetes takes
//! them, and none of Kubernetes' or ours.

use std::collections::BTreeMap;

/// The longest name, and value of a label.
const NAME_MAX: usize = 63;
/// The longest prefix: a DNS name.
const PREFIX_MAX: usize = 253;
/// The longest value of an annotation; Kubernetes takes 256 KiB of all together.
const VALUE_MAX: usize = 1024;

/// What is put on everything that we make on a cluster, beside our own labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations.
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Marks {
    /// Adds others; of two with one key the other one's counts.
    pub(crate) fn extend(&mut self, others: &Self) {
        let own = |map: &BTreeMap<String, String>| map.clone();
        self.labels.extend(own(&others.labels));
        self.annotations.extend(own(&others.annotations));
    }
}

/// Parses a label, `KEY=VALUE`.
pub(crate) fn parse_label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    judge_label(key, value)?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Parses an annotation, `KEY=VALUE`.
pub(crate) fn parse_annotation(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("an annotation is KEY=VALUE")?;
    judge_annotation(key, value)?;
    Ok((key.to_owned(), value.to_owned()))
}

fn judge_label(key: &str, value: &str) -> Result<(), String> {
    judge_key(key)?;
    if value.is_empty() || is_name(value) {
        return Ok(());
    }
    Err(format!(
        "a label's value is at most {NAME_MAX} letters, digits and -_., and begins and ends with a \
         letter or a digit"
    ))
}

fn judge_annotation(key: &str, value: &str) -> Result<(), String> {
    judge_key(key)?;
    if value.len() > VALUE_MAX || value.chars().any(super::text::is_treacherous) {
        return Err(format!(
            "an annotation's value is one line of at most {VALUE_MAX} bytes"
        ));
    }
    Ok(())
}

/// Judges a key: `NAME` or `PREFIX/NAME`.
fn judge_key(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if !is_name(name) || prefix.is_some_and(|prefix| !is_dns_name(prefix)) {
        return Err(format!(
            "a key is NAME or DNS-PREFIX/NAME: at most {NAME_MAX} letters, digits and -_., which \
             begin and end with a letter or a digit"
        ));
    }
    match prefix {
        Some(prefix) if is_reserved(prefix, name) => Err(format!(
            "the prefix `{prefix}/` is Kubernetes' or kubegrant's own"
        )),
        _ => Ok(()),
    }
}

/// Whether a key means something to Kubernetes or to us. Those by which tools show what belongs
/// together (`app.kubernetes.io/part-of`) are for everybody.
fn is_reserved(prefix: &str, name: &str) -> bool {
    let under = |domain: &str| {
        prefix == domain
            || prefix
                .strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    if prefix == "app.kubernetes.io" {
        return name == "managed-by";
    }
    under("kubernetes.io") || under("k8s.io") || under("kubegrant.io")
}

fn is_name(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= NAME_MAX
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn is_dns_name(text: &str) -> bool {
    let part = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=NAME_MAX).contains(&part.len())
            && part.chars().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= PREFIX_MAX && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_takes_is_taken() {
        for good in [
            "team=platform",
            "team=",
            "a.b/c_d=E.f-9",
            "app.kubernetes.io/part-of=platform",
        ] {
            assert!(parse_label(good).is_ok(), "{good}");
        }
        for good in ["owner=Alice Å, floor 3", "a.b/c=https://wiki/x?y=z"] {
            assert!(parse_annotation(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_it_refuses_or_what_means_something_is_not() {
        let long = format!("team={}", "x".repeat(64));
        for bad in [
            "team",
            "=x",
            "-a=x",
            "a=-x",
            "a=x y",
            "A/b=c",
            "a//b=c",
            "a/b/c=d",
            "/b=c",
            "..a/b=c",
            "pod-security.kubernetes.io/enforce=privileged",
            "kubernetes.io/metadata.name=x",
            "rbac.authorization.k8s.io/aggregate-to-admin=true",
            "app.kubernetes.io/managed-by=helm",
            "kubegrant.io/installation=x",
            "sub.kubegrant.io/x=y",
            "object-label:a=b",
            &long,
        ] {
            assert!(parse_label(bad).is_err(), "{bad}");
        }
        assert!(parse_annotation("a=b\u{202e}c").is_err());
        assert!(parse_annotation("kubegrant.io/head-x=1").is_err());
    }
}
