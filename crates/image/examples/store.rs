//! Measures the store from the outside: `store ROOT bootstrap NAME | import FILE | keep FILE | fill COUNT | resolve NAME |
//! verify | prune`.
#![allow(clippy::print_stdout)] // it is its whole purpose

use std::error::Error;
use std::fs::File;
use std::time::Instant;

use image::{BootstrapOptions, ImportOptions, Reference, Store, bootstrap};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let start = Instant::now();
    let store = Store::open(words.first().ok_or("no root given")?)?;
    println!("open: {:?}", start.elapsed());
    let start = Instant::now();
    match &words[1..] {
        ["bootstrap", name] => {
            let mut options = BootstrapOptions::new(Reference::parse(name)?);
            options.source_date_epoch =
                std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|epoch| epoch.parse().ok());
            let image = bootstrap(&store, &options, &mut |line| println!("{:?} {line}", start.elapsed()))?;
            println!("{} {} bytes", image.id, image.size);
        }
        ["import", file] => {
            let lease = store.lease()?;
            println!("{:?}", store.import_layer(&lease, &mut File::open(file)?, &ImportOptions::default())?);
        }
        ["keep", file] => {
            let lease = store.lease()?;
            let options = ImportOptions { keep_blob: true, ..ImportOptions::default() };
            println!("{:?}", store.import_layer(&lease, &mut File::open(file)?, &options)?);
        }
        ["fill", count] => fill(&store, count.parse()?)?,
        ["resolve", name] => {
            for turn in ["first", "second"] {
                let start = Instant::now();
                println!("{turn}: {:?} {:?}", store.resolve(name)?.id, start.elapsed());
            }
        }
        ["verify"] => println!("{:?}", store.verify()?),
        ["prune"] => println!("{:?}", store.prune(false, &|_| image::Usage::Unused, &|_| false)?),
        _ => println!("{} images", store.list()?.len()),
    }
    println!("{:?}", start.elapsed());
    Ok(())
}

/// Makes images of ten small layers each, most of them shared.
fn fill(store: &Store, count: usize) -> Result<(), Box<dyn Error>> {
    let lease = store.lease()?;
    let layer = |name: &str| -> Result<image::LayerId, Box<dyn Error>> {
        let scratch = store.scratch()?;
        let upper = scratch.path().join("upper");
        std::fs::create_dir(&upper)?;
        std::fs::write(upper.join(name), name)?;
        Ok(store.commit_dir(&lease, &upper, &image::CommitOptions::default())?.id)
    };
    for number in 0..count {
        let layers =
            (0..10).map(|at| layer(&format!("{}", at * 7 + number / 5))).collect::<Result<Vec<_>, _>>()?;
        let mut config = image::ImageConfig { author: Some(number.to_string()), ..Default::default() };
        config.config.env = vec!["PATH=/bin".to_owned(); 5];
        store.put_image(&lease, config, &layers, &[Reference::parse(&format!("app:{number}"))?])?;
    }
    Ok(())
}
