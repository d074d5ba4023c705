// object: what an observation of kind object refers to, as a file.
#include "cli/command.h"
#include "crypto/crypto.h"

namespace lander::cli {
namespace {

struct Wanted {
  std::string sha256, file;
};

base::Status fetch(Session& session, const Wanted& wanted) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(const base::Bytes content,
                session.fetch(path + "/objects/" + escaped(wanted.sha256)));
  if (base::to_hex(crypto::sha256(content)) != wanted.sha256)
    return base::Error(base::Code::kCorrupt, "what came is not what this SHA-256 names: try again");
  LANDER_TRY(session.world.files.write_durably(wanted.file, content));
  session.note(wanted.file + ": " + std::to_string(content.size()) + " bytes");
  return {};
}

CLI::Validator is_digest() {
  return CLI::Validator(
      [](std::string& text) {
        for (char& c : text)
          if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
        return base::from_hex(text).ok() && text.size() == 64
                   ? std::string()
                   : std::string("expected 64 hex digits, as `lander query` shows them");
      },
      "SHA256");
}

}  // namespace

void add_object(Commands& commands) {
  auto wanted = std::make_shared<Wanted>();
  auto* command = commands.add("object", "Download what an observation of kind object refers to",
                               kDaily, "lander object SHA256 -o image.jpg",
                               [wanted](Session& session) { return fetch(session, *wanted); });
  command->add_option("SHA256", wanted->sha256, "Of its content")->required()->check(is_digest());
  command->add_option("-o,--out", wanted->file, "The file to write")->required();
}

}  // namespace lander::cli
