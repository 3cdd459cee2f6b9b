//! Files of scans with positions: CSV with a header, plain or compressed.
//!
//! Owns columns, their names and units, and the numbers that stand for labels. Takes a path. Emits rows. On failure: a [`TableError`] with
//! file, line and column; nothing of a bad file is used.
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use aisle_node_core::location::beacons::Beacons;
use aisle_node_core::location::representation::Strength;
use aisle_node_core::location::survey::{AccessPoint, Level, Point, Row, Scan};
use flate2::bufread::MultiGzDecoder;

/// Longest line: 3,000 access points of 12 octets, ten times.
const LINE_MAX: u64 = 1 << 20;
/// How a gzip file begins, whatever its name.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Which rows of a file with a column `split` are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Train,
    Test,
}

impl fmt::Display for Half {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("failed to read {}", file.display())]
    Read {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{}: line {line}: {fault}", file.display())]
    Line { file: PathBuf, line: u64, fault: Fault },
    #[error("{}: no column {column} in the header", file.display())]
    NoColumn { file: PathBuf, column: &'static str },
    #[error("{}: column {column} stands twice in the header", file.display())]
    TwoColumns { file: PathBuf, column: String },
    #[error("{}: no {half} rows to use", file.display())]
    NoRows { file: PathBuf, half: Half },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("longer than {LINE_MAX} octets")]
    TooLong,
    #[error("not UTF-8")]
    NotText,
    #[error("a quotation mark is not closed")]
    Quote,
    #[error("{found} fields, {expected} in the header")]
    Fields { found: usize, expected: usize },
    #[error("column {column}: {text:?} is not {expected}")]
    Value { column: String, text: String, expected: &'static str },
    #[error("more than {} different labels", u16::MAX)]
    Labels,
}

/// Numbers of labels, shared by all files of an evaluation.
#[derive(Debug, Default)]
pub struct Labels {
    floors: HashMap<String, u16>,
    buildings: HashMap<String, u16>,
    traces: HashMap<String, u64>,
}

fn label(known: &mut HashMap<String, u16>, text: &str) -> Result<u16, Fault> {
    if let Some(number) = known.get(text) {
        return Ok(*number);
    }
    let next = u16::try_from(known.len()).map_err(|_| Fault::Labels)?;
    known.insert(text.to_owned(), next);
    Ok(next)
}

/// Dense numbers of access points, shared by survey and test.
#[derive(Debug, Default)]
pub struct Numbers(HashMap<u64, AccessPoint>);

impl Numbers {
    fn of(&mut self, index: u64) -> Option<AccessPoint> {
        let next = AccessPoint::try_from(self.0.len()).ok()?;
        Some(*self.0.entry(index).or_insert(next))
    }
}

/// A row, with its time when it is of a walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    pub row: Row,
    pub t_ms: f64,
}

/// The rows of a file.
#[derive(Debug)]
pub struct Tables {
    pub rows: Vec<Timed>,
    pub has_building: bool,
    /// Whether traces and times are there.
    pub has_walks: bool,
    pub numbers: Numbers,
}

/// Positions of access points.
#[derive(Debug)]
pub struct AccessPoints {
    pub beacons: Beacons,
    pub numbers: Numbers,
}

/// Places of the columns that are known by name.
struct Columns {
    names: Vec<String>,
    x: usize,
    y: usize,
    floor: usize,
}

/// One line's fields.
struct Fields<'a> {
    names: &'a [String],
    texts: Vec<String>,
}

impl Fields<'_> {
    fn text(&self, column: usize) -> &str {
        self.texts.get(column).map_or("", |text| text.trim())
    }

    fn wrong(&self, column: usize, expected: &'static str) -> Fault {
        self.wrong_part(column, self.text(column), expected)
    }

    fn wrong_part(&self, column: usize, text: &str, expected: &'static str) -> Fault {
        let text = text.chars().take(40).collect();
        Fault::Value { column: self.names.get(column).cloned().unwrap_or_default(), text, expected }
    }

    fn number(&self, column: usize) -> Result<f64, Fault> {
        let number: Option<f64> = self.text(column).parse().ok();
        number.filter(|number| number.is_finite()).ok_or_else(|| self.wrong(column, "a finite number"))
    }

    fn point(&self, columns: &Columns) -> Result<Point, Fault> {
        let (x, y) = (self.number(columns.x)?, self.number(columns.y)?);
        Point::new(x, y).ok_or_else(|| self.wrong(columns.x, "a finite number"))
    }

    fn scan(&self, column: usize, numbers: &mut Numbers) -> Result<Scan, Fault> {
        let mut entries = Vec::new();
        for entry in self.text(column).split_ascii_whitespace() {
            let wrong = || self.wrong_part(column, entry, "apIndex:dBm");
            let (index, dbm) = entry.split_once(':').ok_or_else(wrong)?;
            let index: u64 = index.parse().map_err(|_| wrong())?;
            let dbm: f64 = dbm.parse().ok().filter(|dbm: &f64| dbm.is_finite()).ok_or_else(wrong)?;
            let number = numbers.of(index).ok_or_else(wrong)?;
            // What no radio reports is dropped, as from a feed.
            entries.extend(Strength::from_dbm_rounded(dbm).map(|strength| (number, strength)));
        }
        Ok(Scan::new(entries))
    }
}

impl Tables {
    /// Reads the rows of one half. Times are looked at only where they are `timed`: elsewhere they may be empty.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read(file: &Path, half: Half, timed: bool, labels: &mut Labels, mut numbers: Numbers) -> Result<Self, TableError> {
        let mut lines = Lines::open(file)?;
        let columns = lines.header()?;
        let scan = lines.column(&columns, "scan")?;
        let optional = |name: &str| columns.names.iter().position(|column| column == name);
        let (building, split, walk) = (optional("building"), optional("split"), optional("trace").zip(optional("t_ms")));
        let trace = optional("trace");
        let mut rows = Vec::new();
        while let Some(fields) = lines.fields(&columns)? {
            if split.is_some_and(|split| fields.text(split) != half.to_string()) {
                continue;
            }
            let row = (|| {
                let building = building.map_or(Ok(0), |column| label(&mut labels.buildings, fields.text(column)))?;
                let level = Level { building, floor: label(&mut labels.floors, fields.text(columns.floor))? };
                let t_ms = walk.filter(|_| timed).map_or(Ok(0.0), |(_, t_ms)| fields.number(t_ms))?;
                let walk = trace.map(|trace| {
                    let next = labels.traces.len() as u64;
                    *labels.traces.entry(fields.text(trace).to_owned()).or_insert(next)
                });
                let scan = fields.scan(scan, &mut numbers)?;
                Ok(Timed { row: Row { point: fields.point(&columns)?, level, walk, scan }, t_ms })
            })();
            rows.push(row.map_err(|fault| lines.fault(fault))?);
        }
        Ok(Self { rows, has_building: building.is_some(), has_walks: walk.is_some(), numbers })
    }

    /// Reads positions of access points; a row without `ap_index` says nothing.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read_access_points(file: &Path, labels: &mut Labels) -> Result<AccessPoints, TableError> {
        let mut lines = Lines::open(file)?;
        let columns = lines.header()?;
        let index = lines.column(&columns, "ap_index")?;
        let (mut places, mut numbers) = (Vec::new(), Numbers::default());
        while let Some(fields) = lines.fields(&columns)? {
            if fields.text(index).is_empty() {
                continue;
            }
            let placed = (|| {
                let wrong = || fields.wrong(index, "a number of an access point");
                let number = fields.text(index).parse().ok().and_then(|named| numbers.of(named)).ok_or_else(wrong)?;
                let level = Level { building: 0, floor: label(&mut labels.floors, fields.text(columns.floor))? };
                Ok((number as usize, (fields.point(&columns)?, level)))
            })();
            let (number, place) = placed.map_err(|fault| lines.fault(fault))?;
            if places.len() <= number {
                places.resize(number + 1, None);
            }
            if let Some(slot) = places.get_mut(number) {
                *slot = Some(place);
            }
        }
        Ok(AccessPoints { beacons: Beacons::new(places), numbers })
    }
}

/// The lines of a file, with their numbers.
struct Lines {
    file: PathBuf,
    reader: Box<dyn BufRead>,
    line: u64,
}

impl Lines {
    fn open(file: &Path) -> Result<Self, TableError> {
        let failed = |source| TableError::Read { file: file.to_owned(), source };
        let mut plain = BufReader::new(File::open(file).map_err(failed)?);
        let compressed = plain.fill_buf().map_err(failed)?.starts_with(&GZIP);
        let reader: Box<dyn BufRead> = if compressed { Box::new(BufReader::new(MultiGzDecoder::new(plain))) } else { Box::new(plain) };
        Ok(Self { file: file.to_owned(), reader, line: 0 })
    }

    fn fault(&self, fault: Fault) -> TableError {
        TableError::Line { file: self.file.clone(), line: self.line, fault }
    }

    /// The next line that is not empty.
    fn next(&mut self) -> Result<Option<String>, TableError> {
        loop {
            let mut octets = Vec::new();
            let read = (&mut self.reader).take(LINE_MAX + 1).read_until(b'\n', &mut octets);
            let read = read.map_err(|source| TableError::Read { file: self.file.clone(), source })?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            if octets.len() as u64 > LINE_MAX {
                return Err(self.fault(Fault::TooLong));
            }
            let text = String::from_utf8(octets).map_err(|_| self.fault(Fault::NotText))?;
            let text = text.trim_end_matches(['\r', '\n']);
            if !text.is_empty() {
                return Ok(Some(text.to_owned()));
            }
        }
    }

    fn header(&mut self) -> Result<Columns, TableError> {
        let header = self.next()?.unwrap_or_default();
        let names = split(header.trim_start_matches('\u{feff}')).ok_or_else(|| self.fault(Fault::Quote))?;
        let names: Vec<String> = names.into_iter().map(|name| name.trim().to_owned()).collect();
        if let Some((_, column)) =
            names.iter().enumerate().find(|(place, name)| !name.is_empty() && names.iter().skip(place + 1).any(|other| other == *name))
        {
            return Err(TableError::TwoColumns { file: self.file.clone(), column: column.clone() });
        }
        let place = |name: &str| names.iter().position(|column| column == name);
        let pair = place("x_m").zip(place("y_m")).or_else(|| place("longitude_m").zip(place("latitude_m")));
        let no = |column| TableError::NoColumn { file: self.file.clone(), column };
        let (x, y) = pair.ok_or_else(|| no("x_m and y_m, or longitude_m and latitude_m,"))?;
        let floor = place("floor").ok_or_else(|| no("floor"))?;
        Ok(Columns { x, y, floor, names })
    }

    fn column(&self, columns: &Columns, column: &'static str) -> Result<usize, TableError> {
        let place = columns.names.iter().position(|name| name == column);
        place.ok_or_else(|| TableError::NoColumn { file: self.file.clone(), column })
    }

    fn fields<'a>(&mut self, columns: &'a Columns) -> Result<Option<Fields<'a>>, TableError> {
        let Some(line) = self.next()? else { return Ok(None) };
        let texts = split(&line).ok_or_else(|| self.fault(Fault::Quote))?;
        if texts.len() != columns.names.len() {
            return Err(self.fault(Fault::Fields { found: texts.len(), expected: columns.names.len() }));
        }
        Ok(Some(Fields { names: &columns.names, texts }))
    }
}

/// The fields of a line; `None` when a quotation mark is left open. A quoted field may hold commas, and `""` for a quotation mark.
fn split(line: &str) -> Option<Vec<String>> {
    if !line.contains('"') {
        return Some(line.split(',').map(str::to_owned).collect());
    }
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}
