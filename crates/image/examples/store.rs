//! Measures the store from the outside: `store ROOT bootstrap NAME | import FILE | open | verify`.
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
        ["verify"] => println!("{:?}", store.verify()?),
        ["prune"] => println!("{:?}", store.prune(false, &|_| image::Usage::Unused, &|_| false)?),
        _ => println!("{} images", store.list()?.len()),
    }
    println!("{:?}", start.elapsed());
    Ok(())
}
