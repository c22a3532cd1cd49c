use super::*;
use std::os::unix::fs::FileExt as _;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn key(id: &str) -> Key {
    Store::key(Some(id))
}

fn shown(store: &Store, id: &str) -> Option<String> {
    store.get(std::str::from_utf8(&key(id)).unwrap()).unwrap()
}

fn files(dir: &tempfile::TempDir) -> Vec<u64> {
    segment::bases(dir.path()).unwrap()
}

#[test]
fn a_paste_comes_back_also_to_the_next_process() {
    let dir = directory();
    let store = Store::open(dir.path()).unwrap();
    store.put(&key("a"), "a\nb\n", false, Some(100)).unwrap();
    assert_eq!(shown(&store, "a").as_deref(), Some("a\nb\n"));
    assert_eq!(shown(&store, "b"), None);
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(shown(&store, "a").as_deref(), Some("a\nb\n"));
}

#[test]
fn the_latest_paste_of_a_key_is_shown() {
    let dir = directory();
    let store = Store::open(dir.path()).unwrap();
    for text in ["one", "two", "three"] {
        store.put(&key("a"), text, false, None).unwrap();
    }
    assert_eq!(shown(&store, "a").as_deref(), Some("three"));
}

#[test]
fn what_is_private_or_over_is_not_shown() {
    let dir = directory();
    let store = Store::open(dir.path()).unwrap();
    store.put(&key("private"), "a", true, None).unwrap();
    store.put(&key("over"), "a", false, Some(0)).unwrap();
    assert_eq!(shown(&store, "private"), None);
    assert_eq!(shown(&store, "over"), None);
}

#[test]
fn a_key_leads_nowhere_else() {
    let dir = directory();
    let store = Store::open(dir.path()).unwrap();
    for key in ["", "..", "../../etc/passwd", "tmp/aaaaaaaaaaaa", "ääääääää"] {
        assert_eq!(store.get(key).unwrap(), None);
    }
}

#[test]
fn keys_with_the_same_hash_do_not_hide_each_other() {
    let dir = directory();
    let store = Store::open_with(dir.path(), 1000).unwrap();
    let first = key("0");
    let twin = (1..).map(|number: u32| key(&number.to_string())).find(|twin| bucket(twin) == bucket(&first));
    let twin = twin.unwrap();
    store.put(&first, "first", false, None).unwrap();
    for number in 0..50 {
        store.put(&key(&format!("between {number}")), &"x".repeat(100), false, None).unwrap();
    }
    store.put(&twin, "twin", false, None).unwrap();
    let text = |key: &Key| store.get(std::str::from_utf8(key).unwrap()).unwrap();
    assert_eq!((text(&first).as_deref(), text(&twin).as_deref()), (Some("first"), Some("twin")));
}

#[test]
fn what_a_crash_tore_costs_only_itself() {
    let dir = directory();
    let store = Store::open(dir.path()).unwrap();
    store.put(&key("a"), "whole", false, None).unwrap();
    let torn = store.put(&key("b"), "torn", false, None).unwrap();
    torn.set_len(torn.metadata().unwrap().len() - 2).unwrap();
    drop((store, torn));
    for _ in 0..2 {
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(shown(&store, "a").as_deref(), Some("whole"));
        assert_eq!(shown(&store, "b"), None);
    }
    let store = Store::open(dir.path()).unwrap();
    store.put(&key("b"), "again", false, None).unwrap();
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(shown(&store, "b").as_deref(), Some("again"));
    assert_eq!(
        files(&dir).len(),
        3,
        "nothing is written behind what is torn, and an empty file is used again"
    );
}

#[test]
fn a_paste_that_changed_on_disk_is_not_shown() {
    let dir = directory();
    let store = Store::open(dir.path()).unwrap();
    let file = store.put(&key("a"), "text", false, None).unwrap();
    file.write_all_at(b"!", file.metadata().unwrap().len() - 1).unwrap();
    assert!(store.get(std::str::from_utf8(&key("a")).unwrap()).is_err());
    drop(store);
    assert_eq!(shown(&Store::open(dir.path()).unwrap(), "a"), None);
}

#[test]
fn files_go_when_everything_in_them_is_over() {
    let dir = directory();
    let store = Store::open_with(dir.path(), 200).unwrap();
    store.put(&key("short"), &"x".repeat(200), false, Some(0)).unwrap();
    store.put(&key("short too"), &"x".repeat(200), false, Some(0)).unwrap();
    store.put(&key("for ever"), &"x".repeat(200), false, None).unwrap();
    store.put(&key("behind it"), &"x".repeat(200), false, Some(0)).unwrap();
    store.put(&key("last"), "x", false, Some(0)).unwrap();
    assert_eq!(files(&dir).len(), 3);
    assert_eq!(shown(&store, "short"), None);
    assert!(shown(&store, "for ever").is_some());
    drop(store);
    assert!(shown(&Store::open(dir.path()).unwrap(), "for ever").is_some());
}

#[test]
fn a_directory_belongs_to_one_process() {
    let dir = directory();
    let _store = Store::open(dir.path()).unwrap();
    assert!(Store::open(dir.path()).unwrap_err().to_string().contains("no other process"));
}
