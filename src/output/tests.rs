//! Tests of the output of a run.

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::env::Fixture;

#[derive(Serialize)]
struct ClusterView {
    name: String,
    created_at: Time,
    ends_at: Option<Time>,
}

impl View for Vec<ClusterView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("name", |it| &it.name)
            .wide("ends", |it| it.ends_at)
            .col("age", |it| it.created_at)
            .named(|it| format!("cluster/{}", it.name))
            .empty("No clusters are registered.")
    }
}

fn fixture() -> Fixture {
    Fixture::new(DateTime::UNIX_EPOCH + TimeDelta::days(20_000))
}

fn list(fixture: &Fixture) -> Vec<ClusterView> {
    let view = |name: &str, days: i64| ClusterView {
        name: name.to_owned(),
        created_at: Time(fixture.now() - TimeDelta::days(days)),
        ends_at: (days > 5).then(|| Time(fixture.now() + TimeDelta::days(29))),
    };
    vec![view("prod-eu", 10), view("p", 3)]
}

fn shown(fixture: &Fixture, format: Format) -> String {
    let settings = Settings {
        format,
        ..Settings::default()
    };
    let view = list(fixture);
    Output::new(&mut fixture.env(), settings)
        .show(&view)
        .expect("shown");
    fixture.take_stdout()
}

#[test]
fn one_view_is_shown_in_every_format() {
    let fixture = fixture();
    insta::assert_snapshot!(shown(&fixture, Format::Table), @r"
    NAME      AGE
    prod-eu   2024-09-24T00:00:00Z
    p         2024-10-01T00:00:00Z
    ");
    insta::assert_snapshot!(shown(&fixture, Format::Wide), @r"
    NAME      ENDS                   AGE
    prod-eu   2024-11-02T00:00:00Z   2024-09-24T00:00:00Z
    p         <none>                 2024-10-01T00:00:00Z
    ");
    insta::assert_snapshot!(shown(&fixture, Format::Name), @r"
    cluster/prod-eu
    cluster/p
    ");
    insta::assert_snapshot!(shown(&fixture, Format::Json), @r#"
    [
      {
        "name": "prod-eu",
        "created_at": "2024-09-24T00:00:00Z",
        "ends_at": "2024-11-02T00:00:00Z"
      },
      {
        "name": "p",
        "created_at": "2024-10-01T00:00:00Z",
        "ends_at": null
      }
    ]
    "#);
    insta::assert_snapshot!(shown(&fixture, Format::Yaml), @r#"
    - name: prod-eu
      created_at: "2024-09-24T00:00:00Z"
      ends_at: "2024-11-02T00:00:00Z"
    - name: p
      created_at: "2024-10-01T00:00:00Z"
      ends_at: null
    "#);
}

/// A list of some rows, as a whole, or as its rows come, which take so many bytes each.
fn shown_of(count: usize, format: Format, bytes: Option<usize>) -> String {
    let fixture = fixture();
    let settings = Settings {
        format,
        ..Settings::default()
    };
    let views = (0..count).map(|number| ClusterView {
        name: format!("c{number}"),
        created_at: Time(fixture.now()),
        ends_at: None,
    });
    let mut output = Output::new(&mut fixture.env(), settings);
    if let Some(bytes) = bytes {
        let mut rows = output.rows::<ClusterView>();
        for view in views {
            rows.push_large(view, bytes).expect("shown");
        }
        rows.finish("None.").expect("shown");
    } else {
        output.list(views).expect("shown");
    }
    fixture.take_stdout()
}

#[test]
fn a_long_list_is_shown_as_its_rows_come_and_says_the_same() {
    for count in [0, 1, 4096, 4097, 8192, 8193, 9000] {
        for format in [Format::Json, Format::Name] {
            let whole = shown_of(count, format, None);
            assert_eq!(
                shown_of(count, format, Some(0)),
                whole,
                "{count} {format:?}"
            );
        }
        // YAML has no brackets, and an empty list is one.
        let whole = shown_of(count, Format::Yaml, None);
        assert_eq!(shown_of(count, Format::Yaml, Some(0)), whole, "{count}");
        let words = |bytes| {
            let text = shown_of(count, Format::Table, bytes);
            let words = text.split_whitespace().map(str::to_owned);
            words.collect::<Vec<_>>()
        };
        assert_eq!(words(Some(0)), words(None), "{count}");
    }
    // Columns grow with what comes.
    let text = shown_of(4097, Format::Table, Some(0));
    let starts: Vec<_> = text.lines().map(|line| line.rfind("2024")).collect();
    assert_eq!(starts[1..].iter().max(), starts[1..].iter().min());
}

#[test]
fn large_rows_do_not_wait_for_one_another() {
    for count in 0..4 {
        let whole = shown_of(count, Format::Json, None);
        assert_eq!(
            shown_of(count, Format::Json, Some(5 << 20)),
            whole,
            "{count}"
        );
    }
    let fixture = fixture();
    let mut output = Output::new(&mut fixture.env(), Settings::default());
    let mut rows = output.rows::<ClusterView>();
    for (number, seen) in [(0, false), (1, true)] {
        let view = ClusterView {
            name: format!("c{number}"),
            created_at: Time(fixture.now()),
            ends_at: None,
        };
        rows.push_large(view, 5 << 20).expect("shown");
        assert_eq!(!fixture.take_stdout().is_empty(), seen, "{number}");
    }
}

#[test]
fn people_read_how_long_ago() {
    let fixture = fixture().terminal(true).variable("NO_COLOR", "1");
    insta::assert_snapshot!(shown(&fixture, Format::Wide), @r"
    NAME      ENDS     AGE
    prod-eu   in 29d   10d
    p         <none>   3d
    ");
}

#[test]
fn an_empty_list_says_so_and_is_an_array_to_machines() {
    let fixture = fixture();
    let show = |format| {
        let settings = Settings {
            format,
            ..Settings::default()
        };
        let mut output = Output::new(&mut fixture.env(), settings);
        output.show(&Vec::<ClusterView>::new()).expect("shown");
        (fixture.take_stdout(), fixture.take_stderr())
    };
    let said = "No clusters are registered.\n".to_owned();
    assert_eq!(show(Format::Table), (String::new(), said));
    assert_eq!(show(Format::Json), ("[]\n".to_owned(), String::new()));
    assert_eq!(show(Format::Yaml), ("[]\n".to_owned(), String::new()));
    assert_eq!(show(Format::Name), (String::new(), String::new()));
}

#[test]
fn an_error_has_the_house_shape() {
    let fixture = fixture();
    let mut output = Output::new(
        &mut fixture.env(),
        Settings {
            quiet: true,
            ..Settings::default()
        },
    );
    output.error(
        "cannot reach cluster 'prod-eu'",
        &[
            "certificate has expired".to_owned(),
            "a\nhint: forged\u{1b}".to_owned(),
        ],
        &["renew it with `kubegrant cluster relink prod-eu`".to_owned()],
    );
    insta::assert_snapshot!(fixture.take_stderr(), @r"
    error: cannot reach cluster 'prod-eu'
      caused by: certificate has expired
      caused by: a
        hint: forged\u{1b}

    hint: renew it with `kubegrant cluster relink prod-eu`
    ");
}

#[test]
fn quiet_leaves_out_all_but_errors() {
    let fixture = fixture();
    let mut output = Output::new(
        &mut fixture.env(),
        Settings {
            quiet: true,
            ..Settings::default()
        },
    );
    output.status("Done.");
    output.warn("careful");
    output.hint("try it");
    output.progress(1, "clusters").done("prod");
    assert_eq!(fixture.take_stderr(), "");
}

#[test]
fn words_are_labelled_and_coloured_on_a_terminal() {
    let fixture = fixture();
    let say = |color| {
        let settings = Settings {
            color,
            ..Settings::default()
        };
        let mut output = Output::new(&mut fixture.env(), settings);
        output.status("Done.");
        output.warn("careful");
        output.hint("try it");
        fixture.take_stderr()
    };
    assert_eq!(
        say(ColorChoice::Auto),
        "Done.\nwarning: careful\nhint: try it\n"
    );
    assert!(say(ColorChoice::Always).contains("\u{1b}[1m\u{1b}[33mwarning:\u{1b}[0m careful"));
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    let fixture = fixture().broken_stdout();
    let view = list(&fixture);
    let mut output = Output::new(&mut fixture.env(), Settings::default());
    assert!(matches!(output.show(&view), Err(Ended::ReaderLeft)));
    assert_eq!(fixture.take_stderr(), "");
}

#[test]
fn progress_is_one_line_each_off_a_terminal() {
    let fixture = fixture();
    let mut output = Output::new(&mut fixture.env(), Settings::default());
    let progress = output.progress(2, "clusters");
    progress.done("prod");
    progress.failed("test", "no\nroute");
    drop(progress);
    output.status("Done.");
    insta::assert_snapshot!(fixture.take_stderr(), @r"
    [1/2] prod
    [2/2] test: failed: no\nroute
    Done.
    ");
}

#[test]
fn progress_on_a_terminal_is_a_bar_that_goes_away() {
    let fixture = fixture().terminal(true);
    let mut output = Output::new(&mut fixture.env(), Settings::default());
    let progress = output.progress(2, "clusters");
    output.warn("careful");
    progress.failed("test", "away");
    drop(progress);
    output.status("Done.");
    let seen = fixture.take_stderr();
    assert!(seen.contains("0/2 clusters"), "{seen:?}");
    assert!(seen.contains("careful\n"), "{seen:?}");
    assert!(seen.contains("[1/2] test: failed: away"), "{seen:?}");
    assert!(seen.ends_with("\r\u{1b}[2KDone.\n"), "{seen:?}");
}
