//! How a server is: alive, ready, and what it did, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was done since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Connections that are open.
    pub(super) connections: AtomicU64,
    /// Answers by the first digit of their status.
    answers: [AtomicU64; 6],
    /// Sessions that began.
    pub(super) logins: AtomicU64,
    /// Tries to log in that were refused.
    pub(super) refused_logins: AtomicU64,
    /// Commands that are being carried out.
    pub(super) running: AtomicU64,
}

impl Counts {
    /// Counts an answer.
    pub(super) fn answered(&self, status: u16) {
        if let Some(count) = self.answers.get(usize::from(status / 100)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All of them, in Prometheus' words.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut add = |name: &str, kind: &str, help: &str, lines: &[(String, u64)]| {
            let _written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in lines {
                let _written = writeln!(text, "{name}{labels} {value}");
            }
        };
        let of = |count: &AtomicU64| vec![(String::new(), count.load(Ordering::Relaxed))];
        add(
            "kubegrant_connections",
            "gauge",
            "Connections that are open.",
            &of(&self.connections),
        );
        add(
            "kubegrant_commands",
            "gauge",
            "Commands that are being carried out.",
            &of(&self.running),
        );
        add(
            "kubegrant_logins_total",
            "counter",
            "Sessions that began.",
            &of(&self.logins),
        );
        add(
            "kubegrant_logins_refused_total",
            "counter",
            "Tries to log in that were refused.",
            &of(&self.refused_logins),
        );
        let answers = self.answers.iter().enumerate().skip(2);
        let answers: Vec<_> = answers
            .map(|(digit, count)| {
                (
                    format!("{{status=\"{digit}xx\"}}"),
                    count.load(Ordering::Relaxed),
                )
            })
            .collect();
        add(
            "kubegrant_answers_total",
            "counter",
            "Answers, by their status.",
            &answers,
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_their_status() {
        let counts = Counts::default();
        counts.answered(200);
        counts.answered(403);
        counts.answered(404);
        let text = counts.text();
        assert!(text.contains("kubegrant_answers_total{status=\"2xx\"} 1\n"));
        assert!(text.contains("kubegrant_answers_total{status=\"4xx\"} 2\n"));
    }
}
