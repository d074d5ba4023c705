#include "sim/store_rot.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "os/sqlite.h"
#include "sim/fork.h"
#include "sim/store_picture.h"
#include "sim/store_work.h"

namespace lander::sim {
namespace {

using base::Status;
using Rows = std::vector<std::string>;  // samples of a series, as a picture has them

// A store that lived, and stands still.
struct Aged {
  std::unique_ptr<SimDisk> disk;
  StoreTruth truth;
  ToldClock clock;
};

std::optional<Aged> age(std::uint64_t seed, std::uint64_t steps) {
  SimDisk disk(seed);
  Aged out;
  {
    StoreWork work(disk, seed);
    while (work.steps() < steps) {
      if (work.step()) return std::nullopt;
    }
    out.truth = work.standing().truth;
    out.clock = work.standing().clock;
    out.disk = disk.copy(seed);  // before it is closed: with its log
  }
  return out;
}

Rows rows_of(const std::vector<store::Sample>& samples) {
  Rows out;
  for (const store::Sample& s : samples) {
    put_sample(out.emplace_back(), s.observation.time, s.observation);
  }
  std::sort(out.begin(), out.end());
  return out;
}

struct Blob {
  std::string table, where;
  std::int64_t count = 0;
  base::Bytes data;
};

Status blobs_of(os::Database& database, const std::string& table, const std::string& where,
                std::vector<Blob>& out) {
  LANDER_ASSIGN(auto rows, database.prepare("SELECT " + where + ",count,data FROM " + table));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    const base::ByteView data = rows.bytes(2);
    out.push_back({table, std::string(rows.text(0)), rows.integer(1), {data.begin(), data.end()}});
  }
}

Status put_blob(os::Database& database, const Blob& blob, base::ByteView data) {
  LANDER_ASSIGN(auto update,
                database.prepare("UPDATE " + blob.table + " SET data=? WHERE " + blob.where));
  update.bind(1, data);
  return update.run();
}

class BlobRot {
 public:
  BlobRot(Aged aged, std::uint64_t seed)
      : aged_(std::move(aged)), vfs_(*aged_.disk), files_(*aged_.disk), random_(seed) {
    aged_.truth.opened(aged_.clock);
    for (std::size_t i = 0; i < aged_.truth.datastreams().size(); ++i) {
      expected_.push_back(rows_of(aged_.truth.samples(static_cast<store::SeriesKey>(i + 1))));
    }
  }

  Rot run(std::uint64_t stride) {
    finish_upkeep();
    auto database = os::Database::open(kStorePath, {.vfs = vfs_.name()});
    LANDER_CHECK(database.ok());
    std::vector<Blob> blobs;
    LANDER_CHECK(blobs_of(*database, "frame", "'id='||id", blobs).ok());
    LANDER_CHECK(blobs_of(*database, "chunk",
                          "'series='||series||' AND segment='||segment||' AND t_last='||t_last||"
                          "' AND part='||part",
                          blobs)
                     .ok());
    for (const Blob& blob : blobs) {
      for (std::uint64_t at = random_.below(stride); at < blob.data.size(); at += stride) {
        base::Bytes flipped = blob.data;
        flipped[at] ^= static_cast<std::uint8_t>(1u << random_.below(8));
        LANDER_CHECK(put_blob(*database, blob, flipped).ok());
        ++out_.flips;
        if (auto wrong = look(blob)) {
          out_.violation = blob.table + " " + blob.where + ", byte " + std::to_string(at) + " of " +
                           std::to_string(blob.data.size()) + ": " + *wrong;
          return out_;
        }
        LANDER_CHECK(put_blob(*database, blob, blob.data).ok());
        LANDER_CHECK(database->execute("DELETE FROM damaged;DELETE FROM incident").ok());
      }
    }
    return out_;
  }

 private:
  // So that no frame stands that chunks hold already.
  void finish_upkeep() {
    auto store = store::Store::open(store_options(vfs_, files_, aged_.clock, random_));
    LANDER_CHECK(store.ok());
    for (bool more = true; more;) {
      const auto done = (*store)->upkeep();
      LANDER_CHECK(done.ok());
      more = *done;
    }
  }

  std::optional<std::string> look(const Blob& blob) {
    auto store = store::Store::open(store_options(vfs_, files_, aged_.clock, random_));
    if (!store.ok()) return "it does not open: " + std::string(store.error().message());
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < expected_.size(); ++i) {
      std::vector<store::Sample> samples;
      const auto gaps = (*store)->read(static_cast<store::SeriesKey>(i + 1), INT64_MIN, INT64_MAX,
                                       SIZE_MAX, [&](const store::Sample& sample) {
                                         samples.push_back(sample);
                                         return true;
                                       });
      if (!gaps.ok()) return "reading: " + std::string(gaps.error().message());
      const Rows found = rows_of(samples);
      if (!std::includes(expected_[i].begin(), expected_[i].end(), found.begin(), found.end())) {
        return "series " + std::to_string(i + 1) + " has what was never committed";
      }
      if (found.size() < expected_[i].size() && gaps->empty()) {
        return "series " + std::to_string(i + 1) + " lacks some and tells of no gap";
      }
      missing += expected_[i].size() - found.size();
    }
    if (missing == 0) return "nothing is missing";
    if (missing > static_cast<std::uint64_t>(blob.count)) {
      return std::to_string(missing) + " are missing of " + std::to_string(blob.count);
    }
    std::size_t told = 0;
    if (auto wrong = incidents_of(**store, told)) return wrong;
    if (told == 0 || (*store)->stats().damaged == 0) return "no incident says so";
    if (out_.flips % 8 != 0) return std::nullopt;
    store->reset();  // what is known is not told again
    store = store::Store::open(store_options(vfs_, files_, aged_.clock, random_));
    if (!store.ok()) return "it does not open again: " + std::string(store.error().message());
    std::size_t again = 0;
    if (auto wrong = incidents_of(**store, again)) return wrong;
    if (again != told) return "told again at the next start";
    return std::nullopt;
  }

  static std::optional<std::string> incidents_of(store::Store& store, std::size_t& count) {
    for (int i = 0; i < 3; ++i) {
      if (auto done = store.upkeep(); !done.ok()) {
        return "upkeep: " + std::string(done.error().message());
      }
    }
    const auto incidents = store.incidents(0, 100);
    if (!incidents.ok()) return std::string(incidents.error().message());
    count = incidents->size();
    return std::nullopt;
  }

  Aged aged_;
  SimVfs vfs_;
  SimFiles files_;
  SimRandom random_;
  std::vector<Rows> expected_;
  Rot out_;
};

// What became of one flip: a letter, and the section that is wrong.
std::string judge(SimDisk& disk, const Aged& aged, const Picture& expected) {
  SimVfs vfs(disk);
  SimFiles files(disk);
  ToldClock clock = aged.clock;
  SimRandom random(1);
  std::string silent;
  {
    auto store = store::Store::open(store_options(vfs, files, clock, random));
    if (!store.ok()) return "t";
    const auto found = picture_of(**store);
    if (!found.ok()) return "t";
    for (const auto& [section, bytes] : *found) {
      if (section.starts_with("gap")) return "t";
    }
    const auto wrong = difference(expected, *found);
    if (!wrong) return "h";
    silent = wrong->substr(0, wrong->find_first_of(" :"));
    for (int i = 0; i < 3; ++i)
      [[maybe_unused]] const auto done = (*store)->upkeep();  // must not crash either
  }
  auto database = os::Database::open(kStorePath, {.vfs = vfs.name()});
  if (!database.ok()) return "c" + silent;
  auto check = database->prepare("PRAGMA integrity_check");
  if (!check.ok()) return "c" + silent;
  const auto row = check->step();
  return (row.ok() && *row && check->text(0) == "ok" ? "s" : "c") + silent;
}

void flip_somewhere(SimDisk& disk, SimRandom& random) {
  const SimFilePtr file = disk.find(std::string(kStorePath) + (random.chance(0.3) ? "-wal" : ""));
  if (!file || file->data.empty()) return;
  file->data[random.below(file->data.size())] ^= static_cast<std::uint8_t>(1u << random.below(8));
}

void count(const std::string& verdict, Rot& out) {
  ++out.flips;
  if (verdict == "h") ++out.harmless;
  if (verdict == "t") ++out.told;
  if (verdict[0] == 'c') ++out.silent_but_checked;
  if (verdict[0] != 's') return;
  ++out.silent;
  ++out.silent_in[verdict.substr(1)];
}

}  // namespace

Rot rot_blobs(std::uint64_t seed, std::uint64_t stride) {
  auto aged = age(seed, 60);
  if (!aged) return {0, "it did not live"};
  return BlobRot(std::move(*aged), seed).run(stride);
}

Rot rot_files(std::uint64_t seed, std::uint64_t flips) {
  auto aged = age(seed, 60);
  if (!aged) return {0, "it did not live"};
  Rot out;
  StoreTruth truth = aged->truth;
  truth.opened(aged->clock);
  const Picture expected = truth.picture();
  constexpr std::uint64_t kEach = 50;  // in one child
  for (std::uint64_t first = 0; first < flips && !out.violation; first += kEach) {
    const Fork fork = fork_with_pipe();
    if (fork.child == 0) {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        SimRandom random(seed * 1'000'003 + first + i);
        const auto disk = aged->disk->copy(1);
        flip_somewhere(*disk, random);
        const std::string said = judge(*disk, *aged, expected) + "\n";
        [[maybe_unused]] const ssize_t sent = ::write(fork.end, said.data(), said.size());
      }
      ::_exit(0);
    }
    const auto [said, status] = hear(fork);
    std::size_t from = 0;
    for (std::size_t end = 0; (end = said.find('\n', from)) != std::string::npos; from = end + 1) {
      count(said.substr(from, end - from), out);
    }
    if (status != 0) {
      out.violation = "flip " + std::to_string(out.flips) + " of seed " + std::to_string(seed) +
                      " ended the process, signal " + std::to_string(WTERMSIG(status));
    }
  }
  return out;
}

}  // namespace lander::sim
