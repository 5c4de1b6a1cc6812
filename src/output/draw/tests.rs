//! Tests of tables and records as they are drawn.

use chrono::TimeDelta;

use super::*;
use crate::output::{Cell, Time};

const PLAIN: Look = Look {
    wide: false,
    colored: false,
    now: None,
    width: None,
};

/// A terminal of so many columns.
fn terminal(width: u16) -> Look {
    Look {
        width: Some(width),
        ..PLAIN
    }
}

fn pairs(headers: [&'static str; 2], rows: &[[&str; 2]], look: Look) -> String {
    let table = Table::of(rows)
        .col(headers[0], |row| row[0])
        .col(headers[1], |row| row[1]);
    draw(&table.names(Vec::new()), look)
}

#[test]
fn a_table_looks_like_kubectls() {
    let table = Table::of(&[("prod-eu", Some("active"), "5m"), ("p", None, "")])
        .col("name", |row| row.0)
        .col("state", |row| row.1)
        .col("age", |row| row.2)
        .names(Vec::new());
    insta::assert_snapshot!(draw(&table, PLAIN), @r"
    NAME      STATE    AGE
    prod-eu   active   5m
    p         <none>
    ");
}

#[test]
fn columns_stand_straight_under_wide_letters() {
    let rows = [["陈", "a"], ["Zoë", "b"]];
    insta::assert_snapshot!(pairs(["name", "x"], &rows, PLAIN), @r"
    NAME   X
    陈     a
    Zoë    b
    ");
}

#[test]
fn long_cells_are_not_wrapped() {
    let long = "x".repeat(400);
    let drawn = pairs(["name", "note"], &[[&long, "a b c"]], PLAIN);
    assert_eq!(drawn.lines().count(), 2);
}

#[test]
fn a_cell_cannot_make_a_line_or_a_colour() {
    let rows = [["a\nb", "\u{1b}[31mred"]];
    insta::assert_snapshot!(pairs(["name", "note"], &rows, PLAIN), @r"
    NAME   NOTE
    a\nb   \u{1b}[31mred
    ");
}

#[test]
fn a_record_is_read_down_the_page() {
    let lines = |lines: &[&str]| Cell::Lines(lines.iter().map(ToString::to_string).collect());
    let table = Table::record(())
        .col("Name", |()| "prod")
        .col("Excluded", |()| lines(&["kube-system", "vault"]))
        .col("Shared", |()| lines(&[]))
        .col("Note", |()| "")
        .names(Vec::new());
    insta::assert_snapshot!(draw(&table, PLAIN), @r"
    Name:       prod
    Excluded:   kube-system
                vault
    Shared:     <none>
    Note:
    ");
}

#[test]
fn a_column_is_drawn_where_it_says_something() {
    let table = Table::of([1_u32, 2])
        .col("n", |n| n)
        .narrow("short", |_| "s")
        .wide("long", |_| "long")
        .some("even", |n| (n % 2 == 0).then_some(true))
        .some("big", |n| (n > 2).then_some(true))
        .names(Vec::new());
    insta::assert_snapshot!(draw(&table, PLAIN), @r"
    N   SHORT   EVEN
    1   s       <none>
    2   s       yes
    ");
    insta::assert_snapshot!(draw(&table, Look { wide: true, ..PLAIN }), @r"
    N   LONG   EVEN
    1   long   <none>
    2   long   yes
    ");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let rows = [["prod", "x"]];
    let look = Look {
        colored: true,
        ..PLAIN
    };
    let plain = pairs(["name", "note"], &rows, PLAIN);
    let colored = pairs(["name", "note"], &rows, look);
    assert_eq!(
        colored.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""),
        plain
    );
    assert_ne!(colored, plain);
}

#[test]
fn times_are_said_to_people_and_to_machines() {
    let now = DateTime::UNIX_EPOCH;
    let cell = |days| Cell::from(Time(now + TimeDelta::days(days)));
    assert_eq!(cell(0).text(Some(now)), "0s");
    assert_eq!(cell(29).text(Some(now)), "in 29d");
    assert_eq!(cell(0).text(None), "1970-01-01T00:00:00Z");
    let made = Cell::from([cell(-3), ", imported".into()]);
    assert_eq!(made.text(Some(now)), "3d, imported");
    assert_eq!(Cell::from(None::<Time>).text(None), "<none>");
}

#[test]
fn nothing_reads_none_and_an_empty_text_stays_empty() {
    assert_eq!(Cell::from("").text(None), "");
    assert_eq!(Cell::from(Some("")).text(None), "<none>");
    assert_eq!(Cell::from(&Vec::new()).text(None), "<none>");
    assert_eq!(
        Cell::from(&vec!["a".to_owned(), "b".to_owned()]).text(None),
        "a,b"
    );
}

#[test]
fn what_fits_looks_the_same_on_a_terminal() {
    let rows = [["prod-eu", "active"], ["陈", "<none>"], ["", "two words"]];
    let plain = pairs(["name", "a longer header"], &rows, PLAIN);
    assert_eq!(
        pairs(["name", "a longer header"], &rows, terminal(80)),
        plain
    );
}

#[test]
fn what_is_too_wide_for_a_terminal_is_wrapped_at_its_words() {
    let rows = [
        ["prod", "nobody has used it since the third of May"],
        ["dev", "-"],
    ];
    insta::assert_snapshot!(pairs(["name", "note"], &rows, terminal(30)), @r"
    NAME   NOTE
    prod   nobody has used it
           since the third of May
    dev    -
    ");
}

#[test]
fn a_header_stays_one_line_and_is_coloured_alone() {
    let rows = [["some words that are long", "and some more of them"]];
    let look = Look {
        colored: true,
        ..terminal(24)
    };
    let drawn = pairs(["a header", "another"], &rows, look);
    let mut lines = drawn.lines();
    let head = lines.next().expect("a line");
    assert!(
        head.contains("A HEADER   ") && head.contains("ANOTHER"),
        "{drawn}"
    );
    assert!(lines.all(|line| !line.contains('\u{1b}')), "{drawn}");
}

#[test]
fn a_long_list_is_never_wrapped() {
    let rows = vec![["name", "a note of several words"]; WRAPPED_ROWS_MAX + 1];
    let drawn = pairs(["name", "note"], &rows, terminal(16));
    assert_eq!(drawn.lines().count(), rows.len() + 1);
}

#[test]
fn no_name_or_number_is_cut_however_narrow_the_terminal_is() {
    let rows = [
        ["cluster rotate-manager", "prod-eu-1"],
        ["access grant", "1234567"],
    ];
    for width in 1..60 {
        let drawn = pairs(["action", "cluster"], &rows, terminal(width));
        for word in ["cluster", "rotate-manager", "prod-eu-1", "1234567"] {
            assert!(drawn.contains(word), "{width}:\n{drawn}");
        }
    }
}

#[test]
fn where_columns_have_no_room_each_row_stands_below_the_other() {
    let rows = [
        ["rotate-manager", "nobody has used it since May"],
        ["grant", "<none>"],
    ];
    insta::assert_snapshot!(pairs(["action", "cluster"], &rows, terminal(22)), @r"
    ACTION    rotate-manager
    CLUSTER   nobody has
              used it
              since May

    ACTION    grant
    CLUSTER   <none>
    ");
    // Who asks for all columns gets columns.
    let wide = Look {
        wide: true,
        ..terminal(22)
    };
    let drawn = pairs(["action", "cluster"], &rows, wide);
    assert_eq!(drawn.lines().count(), 3, "{drawn}");
}

#[test]
fn what_is_wider_than_any_terminal_is_left_to_it() {
    let long = "x ".repeat(40_000);
    let drawn = pairs(["name", "note"], &[["prod", &long]], terminal(80));
    assert_eq!(drawn.lines().count(), 2);
}
