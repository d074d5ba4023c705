// app keygen, pack, sign, show, push, list.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "base/yaml.h"
#include "cli/command.h"
#include "cli/keys.h"
#include "cli/match.h"
#include "package/package.h"
#include "stream/pipeline.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

constexpr std::uint64_t kMaxYaml = 1 << 20;

struct Pack {
  std::string folder, out;
};
struct Sign {
  std::string file, key, out;
};

base::Status keygen(Session& session, const std::string& path) {
  World& world = session.world;
  if (world.files.exists(path + ".pub"))
    return Error(Code::kExists, path + ".pub is there already, and a key is never overwritten");
  LANDER_ASSIGN(const auto key, make_key_file(world, path));
  const std::string pem = key.public_key().to_pem();
  LANDER_TRY(world.files.write_durably(path + ".pub", base::as_bytes(pem)));
  if (session.json) {
    session.raw({{"key", path}, {"public", path + ".pub"}, {"key_id", key.public_key().id()}});
    return {};
  }
  session.say("Key " + key.public_key().id().substr(0, 16) + ": " + path +
              " signs (keep it secret), " + path +
              ".pub is for tenants (`lander trust add --signer`).\n");
  return {};
}

// The files that model nodes name, as far as the file can be read at all.
std::set<std::string> files_named(std::string_view yaml, const std::string& name) {
  std::set<std::string> out;
  auto root = base::Yaml::parse(yaml, name);
  if (!root.ok() || !root->is_map()) return out;
  base::Yaml pipeline = root->optional("pipeline");
  if (!pipeline.present() || !pipeline.is_list()) return out;
  for (auto& node : pipeline.items()) {
    if (!node.is_map()) continue;
    base::Yaml model = node.optional("model");
    if (!model.present() || !model.is_map()) continue;
    base::Yaml file = model.optional("file");
    if (file.present() && file.is_scalar()) out.insert(file.text());
  }
  return out;
}

// Mistakes of both readers of the one file, by place, each once.
Error all_mistakes(std::initializer_list<const Error*> errors) {
  struct Mistake {
    int line = 0, column = 0;
    std::string text;
    auto operator<=>(const Mistake&) const = default;
  };
  std::set<Mistake> sorted;
  for (const Error* error : errors) {
    if (error == nullptr) continue;
    for (auto& text : split(error->message(), '\n')) {
      const auto parts = split(text, ':');
      Mistake mistake{0, 0, text};
      if (parts.size() > 2) {
        mistake.line = std::atoi(parts[1].c_str());
        mistake.column = std::atoi(parts[2].c_str());
      }
      sorted.insert(std::move(mistake));
    }
  }
  std::string message;
  for (const auto& mistake : sorted) message += (message.empty() ? "" : "\n") + mistake.text;
  return {Code::kInvalid, message};
}

// Reads what stands in app.yaml in both senses, manifest and pipeline.
base::Result<package::Manifest> checked(const std::string& path, std::string_view yaml,
                                        const std::map<std::string, base::Bytes>& files) {
  auto manifest = package::parse_manifest(yaml, path);
  auto root = base::Yaml::parse(yaml, path);
  if (!root.ok()) return root.error();
  auto spec = stream::Spec::parse(*root, files);
  if (manifest.ok() && spec.ok()) return manifest;
  return all_mistakes(
      {manifest.ok() ? nullptr : &manifest.error(), spec.ok() ? nullptr : &spec.error()});
}

base::Status pack(Session& session, const Pack& wanted) {
  World& world = session.world;
  std::string folder = wanted.folder;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  const std::string path = folder + "/app.yaml";
  auto yaml = world.files.read(path, kMaxYaml);
  if (!yaml.ok()) return yaml.error();
  std::map<std::string, base::Bytes> by_name;
  std::vector<package::File> files;
  for (const auto& name : files_named(base::as_text(*yaml), path)) {
    const std::string file = folder + "/" + name;
    if (!world.files.exists(file)) continue;  // the pipeline's reader tells where it is named
    LANDER_ASSIGN(auto bytes, world.files.read(file, package::kMaxPackageBytes));
    by_name[name] = bytes;
    files.push_back({name, std::move(bytes)});
  }
  LANDER_ASSIGN(const auto manifest, checked(path, base::as_text(*yaml), by_name));
  LANDER_ASSIGN(const auto packed, package::pack(manifest, files));
  const std::string out =
      wanted.out.empty() ? manifest.name + "-" + manifest.version + ".lander" : wanted.out;
  LANDER_TRY(world.files.write_durably(out, packed));
  if (session.json) {
    session.raw({{"file", out},
                 {"name", manifest.name},
                 {"version", manifest.version},
                 {"vendor", manifest.vendor},
                 {"size", packed.size()},
                 {"files", files.size()}});
    return {};
  }
  session.say(out + ": " + manifest.name + " " + manifest.version + " by " + manifest.vendor +
              ", " + bytes_text(static_cast<double>(packed.size())) +
              ", not signed yet: `lander app sign " + out + " --key KEY`.\n");
  return {};
}

base::Status sign(Session& session, const Sign& wanted) {
  World& world = session.world;
  LANDER_ASSIGN(const auto key, read_key_file(world, wanted.key));
  LANDER_ASSIGN(const auto bytes, world.files.read(wanted.file, package::kMaxPackageBytes));
  auto made = package::sign(bytes, key);
  if (!made.ok()) return made.error().context(wanted.file);
  const std::string out = wanted.out.empty() ? wanted.file : wanted.out;
  LANDER_TRY(world.files.write_durably(out, *made));
  const std::string digest = package::digest(*made);
  if (session.json) {
    session.raw({{"file", out}, {"digest", digest}, {"key_id", key.public_key().id()}});
    return {};
  }
  session.say(out + ": signed by key " + key.public_key().id().substr(0, 16) + ", digest " +
              short_digest(digest) + ".\n");
  return {};
}

void say_package(Session& session, const Json& p) {
  Facts facts;
  facts.add("app", text_of(p, "name") + " " + text_of(p, "version"), Paint::kBold);
  facts.add("title", text_of(p, "title"));
  facts.add("description", text_of(p, "description"));
  facts.add("vendor", text_of(p, "vendor"));
  facts.add("signer", text_of(p, "signer"));
  facts.add("purpose", text_of(p, "purpose"));
  facts.add("licence", text_of(p, "licence"));
  facts.add("support", text_of(p, "support"));
  facts.add("digest", text_of(p, "digest"));
  if (const auto size = number_of(p, "size")) facts.add("size", bytes_text(*size));
  session.say(facts);
  Table table({"PORT", "PROPERTY", "UNIT", "ASSET"});
  for (const auto& port : member(p, "ports")) {
    table.add({text_of(port, "name"), text_of(port, "property"), text_of(port, "unit"),
               text_of(port, "asset")});
  }
  if (table.empty()) return;
  session.say("\n");
  session.say(table);
}

base::Status show(Session& session, const std::string& file) {
  LANDER_ASSIGN(const auto bytes, session.world.files.read(file, package::kMaxPackageBytes));
  auto opened = package::open_unverified(bytes);
  if (!opened.ok()) return opened.error().context(file);
  const auto& m = opened->manifest;
  Json ports = Json::array(), files = Json::array();
  for (const auto& port : m.ports) {
    ports.push_back({{"name", port.name},
                     {"property", port.property},
                     {"unit", port.unit},
                     {"asset", port.asset}});
  }
  for (const auto& inner : opened->files)
    files.push_back({{"name", inner.name}, {"size", inner.bytes.size()}});
  const Json found = {{"name", m.name},
                      {"version", m.version},
                      {"vendor", m.vendor},
                      {"title", m.title},
                      {"description", m.description},
                      {"licence", m.licence},
                      {"support", m.support},
                      {"purpose", m.purpose},
                      {"digest", opened->digest},
                      {"signer", opened->signer_key_id},
                      {"verified", false},
                      {"size", bytes.size()},
                      {"files", files},
                      {"ports", ports}};
  if (session.json) {
    session.raw(found);
    return {};
  }
  say_package(session, found);
  session.note(opened->signer_key_id.empty()
                   ? "Not signed."
                   : "Signed, it claims; nobody verified that here. Hub and sites do.");
  return {};
}

base::Status push(Session& session, const std::string& file) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const auto bytes, session.world.files.read(file, package::kMaxPackageBytes));
  auto answer = session.send("POST", "/api/v1/packages", bytes, "application/octet-stream");
  if (!answer.ok()) return answer.error().context(file);
  if (session.json) {
    session.raw(*answer);
    return {};
  }
  const std::string name = text_of(*answer, "name"), version = text_of(*answer, "version");
  session.say(clean(name + " " + version + " by " + text_of(*answer, "vendor")) +
              " is at the hub, digest " + short_digest(text_of(*answer, "digest")) +
              ".\n`lander rollout start " + clean(name + " " + version) +
              " --sites ...` brings it to sites.\n");
  return {};
}

base::Status list(Session& session) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json packages, session.get("/api/v1/packages"));
  if (session.json) {
    session.raw(packages);
    return {};
  }
  Table table({"APP", "VERSION", "VENDOR", "PURPOSE", ">SIZE", "IMPORTED", "DIGEST", "TITLE"});
  for (const auto& p : packages) {
    table.add({text_of(p, "name"), text_of(p, "version"), text_of(p, "vendor"),
               text_of(p, "purpose"), bytes_text(number_of(p, "size").value_or(0)),
               relative(time_of(p, "imported"), session.now()), short_digest(text_of(p, "digest")),
               text_of(p, "title")});
  }
  if (table.empty()) {
    session.say("No package yet: `lander app push FILE` brings one.\n");
  } else {
    session.say(table);
  }
  return {};
}

}  // namespace

void add_apps(Commands& commands) {
  auto* app = commands.group("app", "App packages: keygen, pack, sign, show, push, list", kApps);
  auto path = std::make_shared<std::string>();
  commands
      .add(app, "keygen", "Make a vendor's signing key, FILE and FILE.pub",
           "lander app keygen acme.key",
           [path](Session& session) { return keygen(session, *path); })
      ->add_option("FILE", *path)
      ->required();
  auto packing = std::make_shared<Pack>();
  auto* pack_command =
      commands.add(app, "pack", "Check DIR/app.yaml and pack it with the files it names",
                   "lander app pack examples/apps/pump-watch -o pump-watch.lander",
                   [packing](Session& session) { return pack(session, *packing); });
  pack_command->add_option("DIR", packing->folder)->required();
  pack_command->add_option("-o,--output", packing->out, "Default: NAME-VERSION.lander here");
  auto signing = std::make_shared<Sign>();
  auto* sign_command = commands.add(
      app, "sign", "Sign a package in place", "lander app sign pump-watch.lander --key acme.key",
      [signing](Session& session) { return sign(session, *signing); });
  sign_command->add_option("FILE", signing->file)->required();
  sign_command->add_option("--key", signing->key, "The vendor's key, of `lander app keygen`")
      ->required();
  sign_command->add_option("-o,--output", signing->out, "Default: FILE itself");
  commands
      .add(app, "show", "What is in a package file", "lander app show pump-watch.lander",
           [path](Session& session) { return show(session, *path); })
      ->add_option("FILE", *path)
      ->required();
  commands
      .add(app, "push", "Bring a signed package to the hub", "lander app push pump-watch.lander",
           [path](Session& session) { return push(session, *path); })
      ->add_option("FILE", *path)
      ->required();
  commands.add(app, "list", "Packages at the hub", "lander app list", list);
}

}  // namespace lander::cli
