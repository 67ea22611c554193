// SPDX-License-Identifier: Apache-2.0
#include "engine/data/emoji_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "engine/core/name_list.h"

namespace moescope {
namespace {

/// Chosen by hand: well known, unlike each other when small. No flags, skin tones, joined sequences, keycaps or clock
/// faces.
struct Group {
    std::string_view name;
    std::u32string_view first, more;
};

// clang-format off
constexpr Group kGroups[] = {
    {"face", U"😀😂😍😎🤓🥳😜😴😭😡😱🥶🤢🤠🤡😇😈💀👻👽🤖💩🎃👹",
     U"😉🤔🤐😷🤒🤕🙃🥵🥺🤯🤩🥰🤑😬🧐🥸👺👾☠"},
    {"animal", U"🐶🐱🐭🐰🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐤🦆🦅🦉🦇🐺🐴🦄🐝🐛🦋🐌🐞🐢🐍🐙🦀🐠🐬🐳🦈🐊🐘🐪🦔🐓",
     U"🐀🐂🐄🐅🐇🐈🐉🐎🐏🐑🐕🐖🐗🐚🐜🐟🐡🐦🐩🐹🐿🦃🦌🦍🦎🦏🦐🦑🦒🦓🦕🦖🦘🦚🦛🦜🦝🦞🦢🦣🦥🦦🦨🦩🦭🦂🕷🕸"},
    {"fruit", U"🍎🍏🍐🍊🍋🍌🍉🍇🍓🍒🍑🥭🍍🥥🥝🍅🥑🍆🥕🌽🌶🥒🥦🍄",
     U"🍈🥔🥬🫐🫑🫒🧄🧅🥜🌰"},
    {"food", U"🍞🥐🥨🧀🍳🍔🍟🍕🌭🌮🍣🍦🍩🍪🎂🧁🍫🍬🍭🍯☕🍺🍷🥚🍿",
     U"🍖🍗🍙🍜🍝🍡🍤🍨🍮🍰🍱🍵🍸🍹🍾🥂🥓🥖🥗🥛🥞🥟🥠🥧🥩🥪🥫🥯🧂🧃🧇🧈🧊🧋🌯🍼"},
    {"plant", U"🌵🎄🌲🌳🌴🌱🍀🍁🌷🌹🌻🌸🌼",
     U"🌺🌾🌿🍂🥀💐🪴🪵"},
    {"sky", U"☀🌙⭐☁⛅🌈⚡❄⛄🔥💧🌊🌍🌕🪐☂🌪",
     U"☄☔🌀🌟🌅🎆"},
    {"heart", U"❤🧡💛💚💙💜🤎🖤🤍💔💘",
     U""},
    {"shape", U"🔴🟠🟡🟢🔵🟣🟤⚫⚪🟥🟧🟨🟩🟦🟪🟫⬛⬜🔶🔷🔺",
     U""},
    {"vehicle", U"🚗🚕🚌🚑🚒🚜🚲🛵🚂✈🚀🚁⛵🚢🛸",
     U"🚄🚓🚙🚚🚤🏍🏎🛴🛰🛶"},
    {"object", U"📱💻📷📺💡🕯📚✏✂🔑🔒🔨💎🎁🎈👑🎩👓👕👖👗👠🎒☎🔋🧲💣🧸🎸🎺🥁🎹🎨🎲🧩🎮",
     U"⌚⌛⏰✉🖥🗑🗡🔔🔦🔧🔩🔪🔬🔭🔮🔌🔍💉💊💋💌💍💰💳💼💾💿📅📈📌📎📏📐📜📢📦📰📻🎀🎓🎤🎥🎧🎪🎬🎭🎷🎻🏮🏹🏺🕶👒👔👘👛👜👞👟👢🧢🧣🧤🧥🧦🧯🧪🧬🧭🧱🧳🧵🧶🧹🧻🧽🪀🪁🪂🪄🪑🪓🪕🪗🪙"},
    {"sport", U"⚽🏀🏈⚾🎾🎱🏆🥇🏓🎯",
     U"🏉🏐🎳🥊🎿🛹⛸"},
    {"building", U"🏠🏰🗼⛪⛺🌋🎡",
     U"🏛🏝🏥🏭🗽🗿⛲🏕"},
    {"sign", U"👍👀👄🦷☯⛔❓✅❌🎵⚓",
     U"⚠☢♻♾➕❗💯💥🛑🚫👂👃👋👎💪✌🙏🦴🧠"},
};
// clang-format on

}  // namespace

std::vector<std::string> emojiGroups() {
    std::vector<std::string> names;
    for (const Group& group : kGroups) names.emplace_back(group.name);
    return names;
}

Result<std::vector<EmojiChoice>> chooseEmoji(const std::vector<std::string>& groups, int64_t count) {
    const std::vector<std::string> names = emojiGroups();
    for (const std::string& wanted : groups)
        if (std::ranges::find(names, wanted) == names.end())
            return {ErrorCode::InvalidArgument, fmt::format("there is no group of emoji called '{}'; the groups are {}",
                                                            wanted, quotedList(names, "and"))};
    std::vector<EmojiChoice> choice;
    for (const bool more : {false, true})
        for (const Group& group : kGroups)
            if (groups.empty() || std::ranges::find(groups, group.name) != groups.end())
                for (const char32_t character : more ? group.more : group.first)
                    choice.push_back({character, std::string(group.name)});
    if (count < 1 || count > static_cast<int64_t>(choice.size()))
        return {ErrorCode::InvalidArgument, fmt::format("{} emoji were asked for; expected 1 to {}{}", count,
                                                        choice.size(), groups.empty() ? "" : " of these groups")};
    choice.resize(static_cast<size_t>(count));
    return choice;
}

}  // namespace moescope
