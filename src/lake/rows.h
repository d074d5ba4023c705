// What waiting bodies hold, decoded, and as rows of the tables.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lake/journal.h"
#include "lake/parquet.h"
#include "lake/tables.h"

namespace lander::lake {

// What the journal needs to know of an item, or why it cannot be taken. Decodes the whole body:
// after this, decode() of the same body succeeds.
Judged judge(const link::Item& item);
bool is_for_the_lake(const link::Item& item);

struct Contents {
  struct Raw {
    std::string site;
    link::SeriesBlock block;
  };
  struct Summed {
    std::string site;
    link::SeriesSummary summary;
  };
  struct Told {
    std::string site;
    base::TimeUs received = 0;
    alert::Event event;
  };
  struct Declared {
    std::string site;
    base::TimeUs recorded = 0;
    sensing::Datastream datastream;
  };
  struct Seen {
    std::string site;
    std::uint64_t epoch = 0;
    base::TimeUs received = 0;
  };
  std::vector<Raw> raw;
  std::vector<Summed> summed;
  std::vector<Told> told;
  std::vector<Declared> declared;
  std::vector<Seen> seen;
};
base::Status decode(const Waiting& waiting, Contents& contents);

using SeriesName =
    std::tuple<std::string, std::string, std::uint32_t>;  // site, datastream, revision
using Context = std::map<SeriesName, sensing::Datastream>;

// The rows of one table, sorted by site, datastream and time (alerts: site, time). Sorts
// `contents`.
base::Status put_rows(Table table, Contents& contents, const Context& context, ParquetWriter& out);
base::Status put_observations(std::vector<Contents::Raw>& raw, const Context& context,
                              ParquetWriter& out);
bool has_rows(Table table, const Contents& contents);

// What is not well-formed becomes U+FFFD.
std::string utf8_of(std::string_view text);

// UTC of a time as claimed, within what the tables can hold; nullopt otherwise.
std::optional<base::TimeUs> utc_of(base::TimeUs claimed, base::DurationUs offset);

}  // namespace lander::lake
