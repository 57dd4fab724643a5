//! docs/SECURITY.md names tests for each published attack and each fault, and
//! they exist.

use ble_sim::sweep::fault::Kind;
use std::fs;
use std::path::Path;

/// All Rust source below a directory.
fn sources(dir: &Path, all: &mut String) {
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            all.push_str(&fs::read_to_string(path).expect("text"));
        }
    }
}

#[test]
fn every_row_of_the_security_document_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = fs::read_to_string(root.join("docs/SECURITY.md")).expect("the document");
    let mut code = String::new();
    for part in ["core/src", "sim/tests"] {
        sources(&root.join("rust-ble").join(part), &mut code);
    }
    let mut attacks = 0;
    let mut swept = Vec::new();
    for row in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, _, published, _, tests, _] = cells[..] else {
            panic!("{row}");
        };
        for test in tests.split('`').filter(|name| name.contains('_')) {
            let signature = format!("#[test]\nfn {test}()");
            let nested = format!("#[test]\n    fn {test}()");
            assert!(
                code.contains(&signature) || code.contains(&nested),
                "there is no test {test}"
            );
        }
        assert!(
            tests.contains('`') || matches!(tests, "tests" | "---"),
            "{row}"
        );
        swept.extend(published.split('`').skip(1).step_by(2));
        for attack in published.split(", ").filter(|name| name.starts_with("CVE")) {
            let name = attack.to_lowercase().replace('-', "_") + "_";
            assert!(tests.contains(&name), "{attack} has no test");
            attacks += 1;
        }
    }
    assert!(attacks > 20, "{attacks}");
    let mut kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    kinds.retain(|kind| !matches!(*kind, "none" | "any"));
    kinds.sort();
    swept.sort();
    assert_eq!(swept, kinds, "each fault is in one row");
}
