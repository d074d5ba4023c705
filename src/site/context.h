// What every part of the site's core borrows, and what it asks of the shell around it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "carrier/config.h"
#include "notify/webhook.h"
#include "os/clock.h"
#include "os/files.h"
#include "os/random.h"
#include "site/engine.h"
#include "source/source.h"
#include "store/store.h"
#include "twin/twin.h"

namespace lander::site {

struct LearnJob;

// The shell owns threads, sockets and drivers; sim has one of its own. Called from the core's
// thread; never calls back into the core.
class Shell {
 public:
  virtual ~Shell() = default;
  // These sources with these bindings, no others; a source that did not change keeps running.
  virtual void run_sources(const std::vector<source::Config>& sources,
                           const std::vector<source::Bound>& bound) = 0;
  virtual std::map<std::string, source::Health> source_health() const = 0;
  virtual void install_pipeline(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                                std::vector<sensing::SeriesKey> series) = 0;
  virtual void remove_pipeline(const std::string& id) = 0;
  // At most a second old. A pipeline that was installed a moment ago may be missing.
  virtual std::map<std::string, Engine::PipelineHealth> pipeline_health() const = 0;
  virtual void set_webhook(const std::optional<twin::Webhook>& webhook) = 0;
  // These, beside HTTPS; one that did not change keeps running.
  virtual void run_carriers(const std::vector<carrier::Config>& carriers) = 0;
  // Runs it on the trainer's thread (learn_job.h), then Models::finished(). False: it is busy.
  virtual bool learn(const LearnJob& job) = 0;
  virtual void tell(const notify::Notice& notice) = 0;
  // To open consoles: `event` of docs/api/README.md.
  virtual void publish(std::string_view event, std::string json) = 0;
};

struct Context {
  store::Store& store;
  os::Files& files;
  os::Clock& clock;
  os::Random& random;
  Shell& shell;
  std::string folder;  // DATA
  std::string tenant, site;
  // What this machine and this copy of DATA are known by: another one than at the last start means
  // that DATA was restored or cloned. Empty: not known.
  std::string host;

  base::TimeUs now() const { return store.utc_now().time; }
};

// Kinds of records in the store. On disk: never renumber or rename (docs/formats/store.md).
inline constexpr std::string_view kAlertEventRecord = "alert-event";  // key: event id
inline constexpr std::string_view kDesiredRecord = "desired";         // key: "current"
inline constexpr std::string_view kAppRecord = "app";                 // key: name
inline constexpr std::string_view kModelRecord = "model";             // key: digest
inline constexpr std::string_view kPointerRecord = "model-pointer";   // key: asset
inline constexpr std::string_view kLoopRecord = "model-loop";         // key: asset
inline constexpr std::string_view kHistoryRecord = "model-history";   // key: asset
inline constexpr std::string_view kReceiverRecord = "receiver";       // key: "hub"
inline constexpr std::string_view kTrustRecord = "trust";             // key: "document"
inline constexpr std::string_view kBlobRecord = "blob-piece";      // key: digest/offset, 16 digits
inline constexpr std::string_view kRecipientRecord = "recipient";  // key: name
inline constexpr std::string_view kMarkRecord = "mark";  // "summaries", "store", "hub", "instance",
                                                         // "short-counter", "host"
inline constexpr std::string_view kToldRecord = "told";  // key: datastream
inline constexpr std::string_view kSentRecord = "sent";  // key: datastream
inline constexpr std::string_view kAccountRecord = "account";        // key: user
inline constexpr std::string_view kDictionaryRecord = "dictionary";  // key: "own"
inline constexpr std::string_view kBudgetRecord = "carrier-budget";  // key: the carrier's id

}  // namespace lander::site
