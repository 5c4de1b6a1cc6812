//! `docs/pictures/terminal.svg`: a session as a terminal shows it, recorded from these commands. `UPDATE=1 cargo test
//! --test cli terminal_picture` draws it anew.

use std::fmt::Write as _;
use std::path::Path;

use crate::console::{World, masked};
use crate::home::split;

/// What is typed, as in the quickstart; what is not shown comes first.
const STORY: &[(bool, &str)] = &[
    (false, "init --organization Acme --owner alice"),
    (true, "cluster add prod --kubeconfig admin.conf"),
    (false, "user add bob --key bob.pub"),
    (
        true,
        "access grant bob --cluster prod --level write --for 8h",
    ),
    (true, "kubeconfig download prod --user bob"),
    (true, "access revoke bob --cluster prod --yes"),
    (true, "kubeconfig download prod --user bob --force"),
];
/// How many columns the terminal has: longer lines are cut, as a terminal without wrapping does.
const COLUMNS: usize = 104;
/// The size of a letter, in pixels.
const LETTER: (f64, usize) = (8.4, 20);
/// The space around the text, in pixels.
const MARGIN: usize = 20;

/// Which colors a terminal has, by the code that asks for them.
const COLORS: &[(&str, &str)] = &[
    ("1", "b"),
    ("2", "d"),
    ("31", "r"),
    ("32", "g"),
    ("33", "y"),
    ("34", "u"),
    ("35", "m"),
    ("36", "c"),
    ("91", "r"),
    ("92", "g"),
    ("93", "y"),
    ("94", "u"),
    ("95", "m"),
    ("96", "c"),
];

/// What was typed and said, with its colors.
fn record() -> Vec<String> {
    let world = World::new();
    world.make_key("bob");
    let mut lines = Vec::new();
    for (is_shown, line) in STORY {
        let mut words = split(&format!("kubegrant {line}"));
        words.extend(["--color".to_owned(), "always".to_owned()]);
        let (code, said) = world.run_ours(&words);
        if !is_shown {
            assert_eq!(code, 0, "{said}");
            continue;
        }
        lines.push(format!("\u{1b}[1m$ kubegrant {line}\u{1b}[0m"));
        let said = world.settled(&said);
        lines.extend(said.lines().map(str::to_owned));
        if code != 0 {
            lines.push(format!("[exit {code}]"));
        }
        lines.push(String::new());
    }
    lines.pop();
    lines
}

/// A line as the parts of one color each: its class, and its text.
fn parts(line: &str) -> Vec<(String, String)> {
    let (mut parts, mut class, mut room) = (Vec::new(), String::new(), COLUMNS);
    for (at, piece) in line.split("\u{1b}[").enumerate() {
        let text = if at == 0 {
            piece
        } else {
            let (codes, text) = piece.split_once('m').expect("a code of colors");
            for code in codes.split(';') {
                let known = COLORS.iter().find(|(known, _)| *known == code);
                match known {
                    Some((_, name)) => {
                        let longer = format!("{class} {name}");
                        longer.trim().clone_into(&mut class);
                    }
                    None => class.clear(),
                }
            }
            text
        };
        let shown: String = text.chars().take(room).collect();
        let is_cut = shown.chars().count() < text.chars().count();
        room -= shown.chars().count();
        if !shown.is_empty() {
            parts.push((class.clone(), shown));
        }
        if is_cut {
            parts.push(("d".to_owned(), "…".to_owned()));
            break;
        }
    }
    parts
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The picture.
fn draw(lines: &[String]) -> String {
    let (letter, height) = LETTER;
    let columns = f64::from(u32::try_from(COLUMNS + 1).expect("few columns"));
    let margin = f64::from(u32::try_from(MARGIN).expect("few pixels"));
    let width = columns.mul_add(letter, 2.0 * margin).ceil();
    let all = lines.len() * height + 2 * MARGIN + 24;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{all}\" viewBox=\"0 0 {width} {all}\" \
         role=\"img\" aria-label=\"A session in a terminal\">\n\
         <style>text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d6deeb;\
         white-space:pre}}.b{{font-weight:bold;fill:#fff}}.d{{fill:#8b98b0}}.r{{fill:#ff7a7a}}.g{{fill:#8fe388}}\
         .y{{fill:#ffd479}}.u{{fill:#82aaff}}.m{{fill:#d7a6ff}}.c{{fill:#7fdbca}}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"10\" fill=\"#111827\"/>\n\
         <circle cx=\"22\" cy=\"20\" r=\"6\" fill=\"#4b5563\"/><circle cx=\"42\" cy=\"20\" r=\"6\" fill=\"#4b5563\"/>\
         <circle cx=\"62\" cy=\"20\" r=\"6\" fill=\"#4b5563\"/>\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let y = 24 + MARGIN + (row + 1) * height - 6;
        let spans = parts(line).into_iter().map(|(class, text)| {
            let text = escaped(&text);
            match class.as_str() {
                "" => text,
                _ => format!("<tspan class=\"{class}\">{text}</tspan>"),
            }
        });
        let spans: String = spans.collect();
        if !spans.is_empty() {
            writeln!(
                svg,
                "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\">{spans}</text>"
            )
            .expect("a line");
        }
    }
    svg + "</svg>\n"
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the one switch of this test, and a picture of the source"
)]
fn the_picture_shows_what_the_commands_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/terminal.svg");
    let drawn = draw(&record());
    let present = std::fs::read_to_string(&path).unwrap_or_default();
    let of = |svg: &str| masked(&svg.lines().collect::<Vec<_>>());
    let is_fresh = of(&present) == of(&drawn);
    if std::env::var_os("UPDATE").is_some() && !is_fresh {
        std::fs::write(&path, drawn).expect("written");
        return;
    }
    assert!(
        is_fresh,
        "docs/pictures/terminal.svg shows something else; \
         run `UPDATE=1 cargo test --test cli terminal_picture`\n{drawn}"
    );
}

#[test]
fn a_line_is_cut_where_the_terminal_ends() {
    let line = format!("\u{1b}[1;31merror\u{1b}[0m: {}", "x".repeat(COLUMNS));
    let found = parts(&line);
    assert_eq!(found[0], ("b r".to_owned(), "error".to_owned()));
    assert_eq!(found[1].1.chars().count(), COLUMNS - "error".len());
    assert_eq!(found[2].1, "…");
    assert_eq!(escaped("<&>"), "&lt;&amp;&gt;");
}
