#include "lake/lake.h"

#include "lake/delta_lake.h"
#include "os/log.h"

namespace lander::lake {
namespace {

using base::Code;
using base::Error;

base::Status valid(const Origin& origin, const std::vector<link::Item>& items) {
  for (const std::string* id : {&origin.tenant, &origin.site})
    if (auto checked = sensing::valid_id(*id); !checked.ok())
      return checked.error().context("the lake takes nothing from \"" + origin.tenant + "/" +
                                     origin.site + '"');
  if (origin.tenant.starts_with("journal.db"))
    return Error(Code::kInvalid, "the lake has no room for a tenant named " + origin.tenant);
  for (const link::Item& item : items)
    if (item.lane >= link::kLanes || item.number == 0 || item.number >= INT64_MAX)
      return Error(Code::kInvalid, "no item can have lane " + std::to_string(item.lane) +
                                       " and number " + std::to_string(item.number));
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Lake>> Lake::open(const Options& options) {
  auto lake = std::make_unique<DeltaLake>(options);
  LANDER_TRY(lake->start());
  return std::unique_ptr<Lake>(std::move(lake));
}

DeltaLake::DeltaLake(const Options& options)
    : options_(options),
      clock_(options.clock ? *options.clock : os::system_clock()),
      files_(options.files ? *options.files : os::system_files()),
      random_(options.random ? *options.random : os::system_random()) {}

base::Status DeltaLake::start() {
  LANDER_TRY(files_.make_folders(scratch_folder()));
  LANDER_ASSIGN(const auto leftovers, files_.list(scratch_folder()));
  for (const std::string& name : leftovers)
    LANDER_TRY(files_.remove(scratch_folder() + '/' + name));
  LANDER_ASSIGN(journal_, Journal::open(options_.folder + "/journal.db", options_.vfs, random_));
  return {};
}

base::Status DeltaLake::ingest(const Origin& origin, const std::vector<link::Item>& items) {
  LANDER_TRY(valid(origin, items));
  std::vector<Judged> judged;
  for (const link::Item& item : items)
    if (is_for_the_lake(item)) judged.push_back(judge(item));
  if (judged.empty()) return {};
  const std::lock_guard lock(mutex_);
  LANDER_ASSIGN(const Journal::Taken taken, journal_->take(origin, judged));
  if (taken.parked.empty()) return {};
  const Judged& first = *taken.parked.front();  // one line a bundle: a hostile site fills no log
  os::log_warn("lake", "items parked",
               {{"tenant", origin.tenant},
                {"site", origin.site},
                {"count", taken.parked.size()},
                {"first_type", first.item->type},
                {"first_lane", int{first.item->lane}},
                {"first_number", first.item->number},
                {"first_reason", *first.refusal}});
  return {};
}

base::Result<std::uint64_t> DeltaLake::waiting_rows() const {
  const std::lock_guard lock(mutex_);
  return journal_->waiting_rows();
}

Lake::Stats DeltaLake::stats() const {
  const std::lock_guard lock(mutex_);
  return journal_->stats();
}

std::string DeltaLake::folder_of(std::string_view tenant, Table table) const {
  return options_.folder + '/' + std::string(tenant) + '/' + std::string(name_of(table));
}

base::Result<std::unique_ptr<Session>> DeltaLake::connect() {
  const std::lock_guard lock(duck_mutex_);
  if (!duck_) {
    LANDER_ASSIGN(duck_, Duck::open(options_.memory_limit_mb));
  }
  return Session::open(*duck_);
}

}  // namespace lander::lake
