//! Replays the corpus through the functions of the targets, without a fuzzer.

use std::fs;
use std::path::Path;

#[test]
fn every_input_of_the_corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in ble_fuzz::TARGETS {
        // Under Miri, which is slow, a part of what calls unsafe code.
        if cfg!(miri) && *name != "abi" {
            continue;
        }
        let pack = fs::read(corpus.join(name).with_extension("pack"));
        let mut pack = pack.expect("a corpus for each target");
        // What once failed, if anything did.
        pack.extend(fs::read(corpus.join(name).with_extension("failed")).unwrap_or_default());
        let mut rest = &pack[..];
        let mut count = 0;
        while let [low, high, inputs @ ..] = rest {
            let (input, more) = inputs.split_at(u16::from_le_bytes([*low, *high]) as usize);
            // Printed only when the test fails, for `ble-fuzz-replay`.
            println!("{name}: {input:02x?}");
            if !cfg!(miri) || count % 50 == 0 {
                run(input);
            }
            rest = more;
            count += 1;
        }
        assert!(count > 0, "the corpus of {name} is empty");
    }
}
