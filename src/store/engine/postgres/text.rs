//! Statements in the words of PostgreSQL.

/// Translates a statement: what is given by number or name, and words that PostgreSQL keeps for itself.
pub(super) fn translated(sql: &str, names: &[&str]) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut given = 0;
    each_token(sql, |token| match token {
        Token::Given(text) => {
            let at = if text == "?" {
                given += 1;
                given.to_string()
            } else if let Some(number) = text.strip_prefix('?') {
                number.to_owned()
            } else {
                let at = names.iter().position(|name| *name == text);
                at.map_or(0, |at| at + 1).to_string()
            };
            out.push('$');
            out.push_str(&at);
        }
        Token::Word("user") => out.push_str("\"user\""),
        Token::Word(text) | Token::Other(text) => out.push_str(text),
    });
    out.replace("main.", "")
}

/// The table that a statement writes, if it is of the plain kind.
pub(super) fn written(sql: &str) -> Option<&str> {
    let mut words = Vec::new();
    each_token(sql, |token| {
        if let Token::Word(word) = token
            && words.len() < 4
            && word != "main"
        {
            words.push(word);
        }
    });
    match words[..] {
        ["UPDATE", table, ..] | ["INSERT", "INTO", table, ..] | ["DELETE", "FROM", table, ..] => {
            Some(table)
        }
        _ => None,
    }
}

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A bare word.
    Word(&'a str),
    /// A place where something is given: `?1`, `?` or `:name`.
    Given(&'a str),
    /// A text in quotes, a comment, or a sign.
    Other(&'a str),
}

/// Takes a statement apart; together the pieces are the statement.
pub(super) fn each_token<'a>(sql: &'a str, mut with: impl FnMut(Token<'a>)) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let end = |from: usize, goes_on: &dyn Fn(char) -> bool| {
            let found = rest[from..].find(|c| !goes_on(c));
            found.map_or(rest.len(), |at| from + at)
        };
        let length = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
            '-' if rest.starts_with("--") => end(2, &|c| c != '\n'),
            '?' => end(1, &|c| c.is_ascii_digit()),
            ':' if rest.starts_with("::") => 2,
            ':' => end(1, &is_word),
            c if is_word(c) => end(0, &is_word),
            c => c.len_utf8(),
        };
        let (piece, left) = rest.split_at(length);
        with(match first {
            '?' => Token::Given(piece),
            ':' if length > 1 && piece != "::" => Token::Given(piece),
            c if is_word(c) => Token::Word(piece),
            _ => Token::Other(piece),
        });
        rest = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_writes_is_known_or_nothing_is() {
        for (sql, table) in [
            ("UPDATE users SET a = ?1", Some("users")),
            ("UPDATE main.users SET a = ?1", Some("users")),
            ("INSERT INTO audit (a) VALUES (?1)", Some("audit")),
            ("INSERT INTO main.audit VALUES (?1)", Some("audit")),
            ("\n DELETE FROM grants WHERE a = ?1", Some("grants")),
            ("DELETE FROM grants", Some("grants")),
            ("TRUNCATE grants", None),
            ("WITH it AS (SELECT 1) DELETE FROM grants", None),
            ("DELETE FROM \"user\"", None),
            ("", None),
        ] {
            assert_eq!(written(sql), table, "{sql}");
        }
    }

    #[test]
    fn a_statement_says_the_same_in_the_words_of_postgresql() {
        for (sql, names, said) in [
            (
                "SELECT user FROM t WHERE a = ?1 AND b = ?12",
                &[][..],
                "SELECT \"user\" FROM t WHERE a = $1 AND b = $12",
            ),
            (
                "a = :b, c = :a, d = :b",
                &[":a", ":b"][..],
                "a = $2, c = $1, d = $2",
            ),
            ("x = ? AND y = ?", &[][..], "x = $1 AND y = $2"),
            (
                "'user ?1 :a' || t.user",
                &[][..],
                "'user ?1 :a' || t.\"user\"",
            ),
            (
                "a::text, users.by_user -- user ?1\n, user",
                &[][..],
                "a::text, users.by_user -- user ?1\n, \"user\"",
            ),
            (
                "SELECT 1 FROM main.users AS user",
                &[][..],
                "SELECT 1 FROM users AS \"user\"",
            ),
        ] {
            assert_eq!(translated(sql, names), said);
        }
    }
}
