// Store over SQLite: the one implementation. See store.h for the contract, docs/formats/store.md
// for the tables. Split over sqlite_store.cc (opening, series, records, clock), load.cc, commit.cc,
// read.cc, downsample.cc, outbox.cc (items), leave.cc (items that go without a receipt, or after
// it), offer.cc (raw observations become items), objects.cc, compact.cc, thin.cc, wipe.cc and
// upkeep.cc.
//
// Locks, taken in this order: a connection's mutex (the writer's before a reader's); visible_, held
// while a transaction becomes visible, so that a reader's snapshot and what stands in memory fit
// together; state_, held for moments only.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "store/dedup.h"
#include "store/frame.h"
#include "store/raw_item.h"
#include "store/rewrite.h"
#include "store/store.h"
#include "store/tail.h"

namespace lander::store {

struct Latest {
  Segment segment = kNoSegment;
  sensing::Observation observation;  // its time is claimed
};

struct Series {
  SeriesKey key = 0;
  sensing::Datastream datastream;
  std::vector<Extent> extents;   // by segment
  std::optional<Latest> latest;  // only ever the newest of all extents
  // What claims a time up to here, and stands in chunks or in frames that were offered, became
  // items. INT64_MAX: all of it; nothing: it never had an exit.
  std::optional<base::TimeUs> offered;
  // Of the tail's frames that hold some of it; 0: none.
  std::int64_t first_frame = 0, last_frame = 0;
  // The writer's own, not under state_:
  std::unique_ptr<Dedup> dedup;  // loaded when it is first needed
  std::vector<const sensing::Observation*> pending;
};

// What one batch adds to one series.
struct Delta {
  Series* series = nullptr;
  std::vector<Extent> extents;
  Latest newest;  // the last sample by claimed time
};

// Segments of the clock as a transaction wrote them: those from `from` on, to the last.
struct WrittenSegments {
  std::size_t from = SIZE_MAX;  // none: all stand in the table already
  std::vector<base::Bytes> bodies;
};

struct Prepared {
  TailFrame frame;
  base::Bytes data;  // of the frame; empty: no observation is new
  std::vector<Delta> deltas;
  WrittenSegments segments;
  std::int64_t boot = 0;  // its number
  Committed result;
};

// Samples of one series in one segment, ascending: what becomes chunks.
using BySegment = std::map<Segment, Samples>;

sensing::Value value_at(const sensing::Block& block, std::size_t at);
// Appends one sample of another block of the same kind.
void append(sensing::Block& to, const sensing::Block& from, std::size_t at);

class ChunkScan;  // reading.h

class SqliteStore final : public Store {
 public:
  static base::Result<std::unique_ptr<Store>> open(const Options& options);
  static base::Result<std::unique_ptr<const Store>> open_snapshot(const Options& options);

  base::Result<SeriesKey> declare(sensing::Datastream datastream) override;
  std::optional<sensing::Datastream> datastream(SeriesKey key) const override;
  std::vector<std::pair<SeriesKey, sensing::Datastream>> datastreams() const override;
  std::vector<SeriesKey> keys(std::string_view datastream) const override;
  base::Result<Committed> commit(const Batch& batch) override;
  base::Result<std::vector<Gap>> read(
      SeriesKey key, base::TimeUs from, base::TimeUs to, std::size_t limit,
      const std::function<bool(const Sample&)>& visit) const override;
  base::Result<std::vector<Bucket>> downsample(SeriesKey key, base::TimeUs from, base::TimeUs to,
                                               std::size_t buckets) const override;
  base::Result<std::optional<Sample>> latest(SeriesKey key) const override;
  base::Result<std::vector<Minute>> minutes(base::TimeUs from, base::TimeUs to) const override;
  base::Result<sensing::Object> put_object(base::ByteView content,
                                           std::string_view media_type) override;
  base::Result<base::Bytes> object(const std::array<std::uint8_t, 32>& sha256) const override;
  base::Result<std::optional<base::Bytes>> record(std::string_view kind,
                                                  std::string_view key) const override;
  base::Result<std::vector<Record>> records(std::string_view kind) const override;
  std::uint64_t epoch() const override;
  base::Status renew_epoch() override;
  base::Result<bool> offer_raw(std::size_t max_bytes) override;
  base::Status start_pickup() override;
  base::Result<std::vector<Item>> items(Lane lane, std::uint64_t after, std::size_t max_items,
                                        std::size_t max_bytes) const override;
  base::Result<std::vector<Item>> items(Lane lane, std::span<const std::uint64_t> numbers,
                                        std::size_t max_bytes) const override;
  base::Result<std::vector<Head>> heads(Lane lane, std::uint64_t after,
                                        std::size_t max) const override;
  base::Result<std::vector<GoneRange>> gone(Lane lane, std::size_t max) const override;
  base::Status forget_items(Lane lane, std::uint64_t through) override;
  base::Status recall_items(Lane lane, std::uint64_t through) override;
  base::Result<std::vector<LaneState>> lanes() const override;
  base::Result<Wiped> wipe(base::TimeUs before) override;
  base::Status clock_reference(base::TimeUs reference, base::DurationUs error,
                               std::string_view source) override;
  sensing::ClockBook::Utc utc_now() const override;
  base::Result<bool> upkeep() override;
  base::Result<std::vector<Incident>> incidents(std::uint64_t after,
                                                std::size_t max) const override;
  Stats stats() const override;

 private:
  using Book = std::shared_ptr<const sensing::ClockBook>;
  static constexpr std::size_t kReaders =
      2;  // so that an alarm's evidence need not wait for a plot

  class Reading;  // reading.h
  // The bunch of frames that is compacted.
  struct Bunch {
    std::vector<TailFrame> frames;
    std::map<SeriesKey, std::uint64_t> weights;  // bytes of memory
  };

  explicit SqliteStore(const Options& options) : options_(options) {}
  base::Status connect();
  base::Status connect_to_snapshot();
  base::Status load();
  base::Status load_series();
  base::Status load_extents();
  base::Status load_book();
  base::Status load_tail();
  base::Status load_counts();
  base::Status load_offered();
  void count_frame(TailFrame& frame, const Stamp& stamp, base::ByteView data);
  base::Result<std::optional<base::TimeUs>> chunk_before(SeriesKey key, Segment segment,
                                                         base::TimeUs claimed) const;
  // A reader's connection, locked: one that is free, if there is.
  std::pair<Connection*, std::unique_lock<std::mutex>> lend_reader() const;
  // Upkeep's own, so that it never makes a reader wait.
  Connection& background() const { return background_ ? *background_ : *writer_; }

  Series* find(SeriesKey key) const;  // null when there is none
  sensing::Kind kind_of(SeriesKey key) const;
  // The newest revision of its datastream, whose policy counts for all. state_ is held.
  const sensing::Datastream& newest_of(const Series& series) const;
  Book book() const;
  base::Status write_series(const Series& series);
  base::Status write_declared(const Series& series);
  // Writes those that are not in the table as they are; to be kept when the transaction has
  // committed.
  base::Result<WrittenSegments> write_segments(const Book& next);
  void keep_segments(WrittenSegments written, const Book& next);
  base::Result<std::int64_t> boot_number(const std::string& boot);

  // commit.cc
  base::Status admit(const Batch& batch) const;
  base::Status sort_out(const Batch& batch, Prepared& prepared, std::vector<Series*>& touched);
  // On an error none of those that were to be loaded has one.
  base::Status load_dedup(const std::vector<Series*>& series);
  base::Status fill_dedup(const std::map<SeriesKey, Series*>& wanted);
  void frame(std::vector<Series*>& touched, const sensing::ClockBook& book, const Stamp& stamp,
             Prepared& prepared);
  base::Status write(const Batch& batch, const Stamp& stamp, base::TimeUs wall,
                     base::TimeUs created, const Book& next, Prepared& prepared);
  base::Status write_frame(const Stamp& stamp, base::TimeUs wall, Prepared& prepared);
  base::Status write_items(const Batch& batch, base::TimeUs created, Prepared& prepared);
  base::Status write_records(const std::vector<Record>& records);
  base::Status write_objects(const std::vector<Delta>& deltas);  // objects.cc
  void apply(Prepared& prepared, Book next);

  // objects.cc
  os::Files& files() const;
  std::string object_path(const std::array<std::uint8_t, 32>& sha256) const;
  base::Result<bool> refresh_object(const std::array<std::uint8_t, 32>& sha256);

  // outbox.cc
  base::Result<std::uint64_t> number_item(Lane lane);
  base::Status write_item(const NewItem& item, std::uint64_t number, base::TimeUs created,
                          bool raw);
  base::Status supersede(const NewItem& item);
  base::Result<std::pair<std::uint64_t, std::uint64_t>> bounds_of(Lane lane);
  base::Status set_floor(Lane lane, std::uint64_t floor);
  // Takes the item that stands there, unless it does not fit or does not verify.
  enum class Taken { kYes, kNo, kFull };
  base::Result<Taken> take_item(Query& row, Lane lane, std::size_t& max_bytes,
                                std::vector<Item>& out) const;
  base::Result<base::Bytes> placed_body(Lane lane, base::ByteView raw) const;
  void add_unoffered(std::vector<LaneState>& lanes) const;

  // leave.cc
  base::Status note_gone(Lane lane, std::uint64_t first, std::uint64_t last, store::Gone why);
  base::Status make_gone(Lane lane, std::uint64_t number, store::Gone why);
  base::Status note_missing(Lane lane, std::uint64_t after, std::uint64_t through);
  base::Status mark_incomplete(base::ByteView raw);
  base::Status keep_receipt(Lane lane, std::uint64_t floor, std::uint64_t through);
  base::Result<std::uint64_t> sum_receipted();
  base::Status settle_outbox();
  base::Status settle_exits();
  base::Status settle_floors();
  base::Status settle_floor(Lane lane, std::uint64_t floor, std::uint64_t last);
  // Of upkeep(): true when there is more to do at once.
  base::Result<bool> drop_damaged();
  base::Result<bool> drop_expired();
  base::Result<bool> drop_receipted();
  base::Result<bool> drop_raw();

  // offer.cc
  bool may_leave(SeriesKey key, Lane lane) const;
  bool may_leave_by_raw(const Series& series) const;        // state_ is held
  std::optional<Lane> exit_of(const Series& series) const;  // too
  bool any_exit() const { return offering_ || pickup_; }
  base::Status open_exit(const char* name, std::atomic<bool>& open);
  // What one step offers.
  struct Offer {
    struct Of {
      Lane lane = 0;
      base::TimeUs from = INT64_MIN, through = INT64_MAX;  // claimed
    };
    std::map<SeriesKey, Of> series;
    std::map<SeriesKey, BySegment> gathered;  // of frames
    std::map<Lane, std::vector<RawPart>> parts;
    std::size_t bytes = 0;
    std::int64_t frames_through = 0;
  };
  Offer whole_series() const;  // state_ is held
  Offer begun_series() const;  // too
  base::Result<bool> offer(std::size_t max_bytes);
  base::Result<bool> offer_earlier(std::size_t max_bytes);
  base::Status has_room_for_copies(std::size_t bytes);
  base::Status copy_chunks(Reading& reading, SeriesKey key, std::size_t max_bytes, Offer& out);
  base::Status copy_chunk(const ChunkScan& scan, SeriesKey key, Segment segment,
                          const sensing::ClockBook& book, Offer& out);
  // Adds what a frame has of the offer's series. `in_chunks`: tells how far those have frames.
  base::Status gather_raw(Connection& connection, const TailFrame& frame, const Progress& in_chunks,
                          Offer& out);
  void cut_gathered(Offer& out) const;
  base::Status write_raw_items(Lane lane, const std::vector<RawPart>& parts);
  base::Result<bool> write_offer(const Offer& offer);  // false: policies changed meanwhile

  // upkeep.cc: what was refused, and why, becomes an incident once it is over.
  base::Result<std::uint64_t> room(
      Connection& connection) const;  // on the disk, and within the file
  void note_refused(const Batch& batch, const base::Error& error);
  void note_accepted(const Batch& batch);

  // compact.cc: upkeep's thread; each locks what it needs
  base::Result<bool> compact();
  base::Status count_bunch(std::int64_t bunch);
  base::Status begin_bunch();
  base::Status end_bunch();
  base::Status set_progress(std::int64_t bunch, std::int64_t series);
  base::Result<bool> forget_frames();
  // Series of the bunch that one step takes.
  struct Step {
    SeriesKey key = 0;
    sensing::Kind kind = sensing::Kind::kNumber;
    BySegment samples;
    std::vector<Rewrite> rewrites;
    bool counted = false;  // has sequences
  };
  base::Status gather(std::vector<Step>& step);
  base::Status merge_step(Step& series);
  base::Status write_step(std::span<const Step> step);
  base::Status write_rewrite(SeriesKey key, const Rewrite& rewrite);
  base::Status write_chunks(SeriesKey key, const Rewrite& rewrite);
  base::Status write_window(SeriesKey key);

  // upkeep.cc, thin.cc, objects.cc: true when there is more to do at once
  base::Result<bool> note_incidents();
  base::Status write_incident(const Incident& incident, base::TimeUs now);
  base::Status checkpoint();
  base::Result<bool> thin();
  base::Result<bool> is_short_of_room();
  struct Cut;
  struct Going;
  base::Result<std::optional<Cut>> oldest_cut(SeriesKey key, const sensing::Thinning& step,
                                              base::TimeUs now);
  base::Result<std::optional<Cut>> chunks_before(SeriesKey key, Segment segment,
                                                 std::optional<Level> keep, base::TimeUs before);
  base::Status fit_spans(Cut& cut);
  base::Result<std::optional<Cut>> oldest_summaries(SeriesKey key, Segment segment,
                                                    std::optional<Level> keep, base::TimeUs before);
  base::Status read_cut(const Cut& cut, Rewrite& rewrite, Going& going);
  struct Dropped {
    std::uint64_t observations = 0, bytes = 0;
  };
  base::Result<Dropped> apply_cut(const Cut& cut, base::TimeUs now);
  base::Status add_to_thinned(const Cut& cut, std::uint64_t count);
  base::Status write_thinned(const Cut& cut, std::uint64_t count);
  base::Status split_thinned(const Cut& cut);
  base::Status drop_rollups(const Cut& cut);
  base::Status release_objects(const std::vector<std::string>& objects);
  base::Status note_thinned(const Cut& cut, std::uint64_t count, base::TimeUs now);
  base::Status note_or_extend(const Incident& incident);

  // wipe.cc
  struct Wipe;
  base::Result<std::map<SeriesKey, Wipe>> begin_wipe();
  base::Status find_waiting(std::map<SeriesKey, Wipe>& series);
  base::Status wipe_series(SeriesKey key, const Wipe& wipe, base::TimeUs before, Wiped& out);
  base::Status tell_kept(SeriesKey key, const Wipe& wipe, base::TimeUs before, Wiped& out);
  base::Result<bool> forget_objects();
  // What a reader met; upkeep() makes an incident of it. Any thread.
  void found_damage(const Lost& lost, const sensing::ClockBook& book,
                    const base::Error& error) const;

  Options options_;
  bool snapshot_ = false;  // writer_ reads, in a transaction from first to last
  std::unique_ptr<Connection> writer_;
  std::array<std::unique_ptr<Connection>, kReaders> readers_;  // null where the VFS allows one only
  std::unique_ptr<Connection> background_;
  mutable std::mutex visible_;
  mutable std::mutex state_;

  // Under state_:
  std::vector<std::unique_ptr<Series>> series_;  // key - 1; entries never go away
  std::map<std::string, std::vector<SeriesKey>, std::less<>> by_id_;
  Book book_;
  Tail tail_;
  Progress progress_;
  std::int64_t offered_through_ = 0;   // frames; never before the end of a bunch, with an exit open
  std::atomic<bool> offering_{false};  // offer_raw() was called, some time: there is a link
  std::atomic<bool> pickup_{false};    // start_pickup() was
  mutable std::set<std::pair<Lane, std::uint64_t>> damaged_items_;  // to be made gone
  std::uint64_t epoch_ = 0;
  mutable Stats stats_;
  mutable std::vector<Incident> found_;                  // not in the table yet
  mutable std::map<std::string, std::uint64_t> places_;  // of damage that is known, and how much

  // The writer's own:
  std::vector<base::Bytes> saved_segments_;    // as they stand in the table
  Book saved_book_;                            // the last of which all segments stand there
  std::pair<std::string, std::int64_t> boot_;  // the last that was written, and its number
  std::int64_t last_frame_ = 0;
  // Goes on. In memory only: a disk that refuses is none to note it on. When the process ends
  // before a batch is accepted again, what it refused stays untold here.
  std::optional<Incident> refused_;
  std::optional<std::uint64_t> receipted_bytes_;  // of what is kept; nothing: to be summed

  std::mutex offer_;    // one at a time offers; taken before the writer's
  std::mutex objects_;  // taken before the writer's: one at a time puts or forgets objects
  std::string objects_folder_;
  // Under objects_: what this process put in the last day, by the clock that never jumps.
  std::map<std::array<std::uint8_t, 32>, base::DurationUs> put_;

  // upkeep()'s own:
  std::mutex upkeep_;
  std::optional<Bunch> bunch_;  // counted, when one is under way
  bool compacting_ = false;
  bool short_of_room_ = false;
  bool frames_to_forget_ = true;
  base::DurationUs next_objects_ = 0;
};

}  // namespace lander::store
