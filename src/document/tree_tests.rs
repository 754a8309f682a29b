//! Tests of reading trees: what is kept, what is refused, and that hostile texts stop.

use proptest::prelude::*;

use super::*;
use crate::document::Reader;

fn one(text: &str) -> Node {
    let mut documents = parse_documents("t.yaml", text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

fn refused(text: &str) -> Diagnostic {
    let error = parse_documents("t.yaml", text).unwrap_err();
    assert!(error.location.is_some(), "{error}");
    error
}

#[test]
fn every_key_and_value_has_its_place() {
    let root = one("a: 1\nlist:\n  - x\n  - {k: 2.50}\n");
    let entries = root.entries();
    assert_eq!((entries[0].location.line, entries[0].location.column), (1, 1));
    assert_eq!((entries[0].value.location.line, entries[0].value.location.column), (1, 4));
    let item = &entries[1].value.items()[1];
    let number = item.get("k").unwrap();
    assert_eq!((number.location.line, number.location.column), (4, 9));
    assert_eq!((number.raw.as_str(), &number.value), ("2.50", &NodeValue::Float(2.5)));
    assert_eq!(number.location.end - number.location.start, 4);
}

#[test]
fn quotes_and_blocks_make_texts_and_tags_force_types() {
    let root = one("a: \"5\"\nb: |\n  7\nc: !!str 5\nd: !!int \"5\"\ne: 'it''s'\n");
    assert_eq!(root.get("a").unwrap().as_str(), Some("5"));
    assert_eq!(root.get("b").unwrap().as_str(), Some("7\n"));
    assert_eq!(root.get("b").unwrap().style, ScalarStyle::Block);
    assert_eq!(root.get("c").unwrap().as_str(), Some("5"));
    assert_eq!(root.get("d").unwrap().value, NodeValue::Int(5));
    assert_eq!(root.get("e").unwrap().as_str(), Some("it's"));
}

#[test]
fn several_documents_come_in_order_without_the_empty_ones() {
    let documents = parse_documents("t", "---\na: 1\n---\n# nothing\n---\n- b\n...\n").unwrap();
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[1].items()[0].location.line, 6);
    assert!(parse_documents("t", "").unwrap().is_empty());
    assert!(parse_documents("t", "# only\n").unwrap().is_empty());
    assert_eq!(one("null").value, NodeValue::Null);
    let absent = one("a:\nb: ~\n");
    assert_eq!(absent.entries().iter().map(|e| e.value.raw.as_str()).collect::<Vec<_>>(), ["", "~"]);
    assert!(absent.entries().iter().all(|e| e.value.value == NodeValue::Null));
}

#[test]
fn json_is_read_as_it_is() {
    let root = one("{\n\t\"a\": [1, 2.5, null, true],\n\t\"b/c\": \"x\\u00e4\\/\", \"e\": {}}\n");
    assert_eq!(root.get("a").unwrap().items().len(), 4);
    assert_eq!(root.get("b/c").unwrap().as_str(), Some("xä/"));
    let surrogates = one(r#"{"a": "\ud83d\ude00"}"#);
    assert_eq!(surrogates.get("a").unwrap().as_str(), Some("😀"));
}

#[test]
fn anchors_aliases_and_merges_are_expanded() {
    let root =
        one("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nagain: *b\nmany:\n  <<: [*b, {x: 9, z: 4}]\n");
    let used = root.get("use").unwrap();
    assert_eq!(used.entries().iter().map(|e| e.key.as_str()).collect::<Vec<_>>(), ["y", "x"]);
    assert_eq!(used.get("y").unwrap().value, NodeValue::Int(3));
    assert_eq!(used.get("x").unwrap().location.line, 1, "the place of the definition");
    assert_eq!(root.get("again").unwrap().entries().len(), 2);
    let many = root.get("many").unwrap();
    assert_eq!(many.get("x").unwrap().value, NodeValue::Int(1), "the first mapping wins");
    assert_eq!(many.get("z").unwrap().value, NodeValue::Int(4));
    assert_eq!(one("\"<<\": 1").get("<<").unwrap().value, NodeValue::Int(1), "quoted: an ordinary key");
    assert!(refused("a:\n  <<: 5\n").message.contains("merges mappings"));
}

#[test]
fn foreign_tags_are_kept_and_do_not_fail() {
    let root = one("a: !Ref Queue\nb: !GetAtt [X, Arn]\nc: !Sub\n  - s\nd: !If {x: 1}\n");
    let reference = root.get("a").unwrap();
    assert_eq!((reference.tag.as_deref(), reference.as_str()), (Some("!Ref"), Some("Queue")));
    assert_eq!(root.get("b").unwrap().tag.as_deref(), Some("!GetAtt"));
    assert_eq!(root.get("b").unwrap().items().len(), 2);
    assert_eq!(root.get("d").unwrap().tag.as_deref(), Some("!If"));
}

#[test]
fn a_repeated_key_is_an_error_at_the_second_one() {
    let error = refused("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n");
    assert_eq!(error.message, "the key `c` is written twice");
    assert_eq!(error.location.map(|l| (l.line, l.column)), Some((5, 3)));
    assert_eq!(error.help.as_deref(), Some("it is also on line 3: remove one of the two"));
    assert!(refused("{\"1\": a, 1: b}").message.contains("`1` is written twice"));
}

#[test]
fn what_is_not_yaml_is_refused_with_its_place() {
    assert_eq!(refused("a: [1, 2\nb: 3\n").code, Some("syntax"));
    assert_eq!(refused("a: *nowhere\n").location.map(|l| l.line), Some(1));
    assert!(refused("a: &x [*x]\n").message.contains("inside of its own anchor"));
    let error = refused("replicas: {{ .Values.replicas }}\n");
    assert!(error.help.unwrap().contains("helm template"));
    assert!(refused("[a]: 1\n").message.contains("cannot be a key"));
}

#[test]
fn a_billion_laughs_stop_at_the_budget() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert_eq!(refused(&text).code, Some("budget"));
    let long = format!("a: &a {}\nb: [{}]\n", "y".repeat(1 << 20), vec!["*a"; 100].join(", "));
    assert_eq!(refused(&long).code, Some("budget"));
}

#[test]
fn deep_nesting_stops_before_the_stack_does() {
    for text in ["[".repeat(100_000), "{a: ".repeat(50_000), "- ".repeat(50_000), "? ".repeat(50_000)] {
        assert!(parse_documents("deep", &text).is_err());
    }
    let indented: String = (0..1000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(parse_documents("deep", &indented).is_err());
    let levels = limits::MAX_DEPTH - 1;
    assert!(parse_documents("ok", &format!("{}{}", "[".repeat(levels), "]".repeat(levels))).is_ok());
    let mut climbing = String::from("a0: &a0 [x]\n");
    for level in 1..200 {
        climbing.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(refused(&climbing).message.contains("levels deep"));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let root = one("\u{feff}a: 1\r\nb: x\r\n");
    assert_eq!(root.get("a").unwrap().value, NodeValue::Int(1));
    assert_eq!(root.get("b").unwrap().as_str(), Some("x"));
}

/// Texts made of what YAML is made of reach deeper than arbitrary characters.
fn yamlish() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&x ",
        "*x",
        "<<: ",
        "!t ",
        "!!int ",
        "\"",
        "'",
        "|\n",
        ">-\n",
        "# c\n",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "\t",
        "\\u00e4",
        "~",
        "1e9",
        "é",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn survives(text: &str) {
    match parse_documents("any", text) {
        Ok(documents) => {
            for document in &documents {
                let reader = Reader::new(Source::new("any", text), document);
                for unread in reader.unread() {
                    assert!(unread.location.line >= 1 && unread.location.end as usize <= text.len());
                }
                let _ = reader.str().map_err(|error| error.render(false));
            }
        }
        Err(error) => assert!(error.render(false).starts_with("error")),
    }
    if let Err(error) = crate::document::parse_typed::<serde_json::Value>("any", text) {
        assert!(error.render(true).contains("error"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_panics(text in yamlish()) {
        survives(&text);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match crate::document::decode("any", &bytes) {
            Ok(text) => survives(text),
            Err(error) => prop_assert!(error.location.is_some()),
        }
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn json_values_come_back(numbers in prop::collection::vec(any::<i64>(), 0..8), text in "\\PC{0,20}") {
        let json = serde_json::json!({"numbers": numbers, "text": text}).to_string();
        let root = one(&json);
        let read: Vec<NodeValue> = root.get("numbers").unwrap().items().iter().map(|n| n.value.clone()).collect();
        prop_assert_eq!(read, numbers.into_iter().map(NodeValue::Int).collect::<Vec<_>>());
        prop_assert_eq!(root.get("text").unwrap().as_str(), Some(text.as_str()));
    }
}
