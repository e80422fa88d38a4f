-- Reads "SOURCE TARGET BYTES\n" and the text, answers "ok BYTES\n" or "error BYTES\n" and the result, until its input ends.
-- Texts are a peer's: they are read in pandoc's sandbox, where `.. include::` and the like find no files.

local no_files = {}
local agreed = "commonmark+pipe_tables+strikeout"
local formats = { markdown = agreed, html = "html-native_divs-native_spans" }

-- What only another markup could say: its words stay, its dress goes.
local undress = {
  Span = function(el) return el.content end,
  Div = function(el) return el.content end,
  RawInline = function(el) return pandoc.Str(el.text) end,
  RawBlock = function(el) return pandoc.Para(pandoc.Str(el.text)) end,
  Underline = function(el) return el.content end,
  SmallCaps = function(el) return el.content end,
  Superscript = function(el) return el.content end,
  Subscript = function(el) return el.content end,
  Header = function(el) return pandoc.Header(el.level, el.content) end,
  Code = function(el) return pandoc.Code(el.text) end,
  Link = function(el)
    if el.classes:includes("user-account") then return pandoc.Str("@" .. (el.target:gsub("^~", ""))) end
    return pandoc.Link(el.content, el.target, el.title)
  end,
  Image = function(el)
    return pandoc.Image(#el.caption > 0 and el.caption or el.attributes.alt or "", el.src, el.title)
  end,
}

-- Where a markup has no word for it, or pandoc does not read what it writes.
local nameless_code = { CodeBlock = function(el) return pandoc.CodeBlock(el.text) end }
-- Jira, "Text Formatting Notation Help": a link to a file of the issue is [^report.pdf] and has no other words.
local function to_file(el)
  if el.target == "" or el.target:find("[:/#?\\%^|%[%]]") then return nil end
  local file = pandoc.Link(el.target, el.target, "", pandoc.Attr("", { "attachment" }))
  if pandoc.utils.stringify(el) == el.target then return file end
  return el.content .. { pandoc.Space(), file }
end

local beyond = {
  jira = { Link = to_file },
  html = nameless_code,
  textile = nameless_code,
  rst = { Strikeout = function(el) return el.content end },
}

local function short_name(el)
  local language = el.classes[1]
  return pandoc.CodeBlock(el.text, pandoc.Attr("", language and { language } or {}))
end

-- Plain text says what it shows: a star is a star, a line ends where it ends, and what is indented is laid out by hand.
-- CommonMark, section 2.4: any of these behind a backslash is itself.
local function literally(line)
  local said = line:gsub("%s+", " "):gsub("[\\`*_<>%[%]~|!&#]", "\\%0")
  return (said:gsub("^([-+=])", "\\%1"):gsub("^(%d+)([.)])", "%1\\%2"))
end

local function plain_to_markdown(text)
  local blocks, lines, indented = pandoc.List(), pandoc.List(), false
  local function close()
    if #lines > 0 then
      if indented then
        local code = "\n" .. table.concat(lines, "\n")
        local is_code_already = not code:find("\n[^ ]") and not code:find("\n ? ? ?[^ ]")
        blocks:insert((code:gsub("\n", is_code_already and "\n" or "\n    "):sub(2)))
      else
        blocks:insert(table.concat(lines:map(literally), "\\\n"))
      end
    end
    lines, indented = pandoc.List(), false
  end
  for line in (text:gsub("\r\n?", "\n") .. "\n"):gmatch("(.-)\n") do
    if line:match("^%s*$") then
      close()
    else
      lines:insert((line:gsub("%s+$", "")))
      indented = indented or line:match("^%s") ~= nil
    end
  end
  close()
  return table.concat(blocks, "\n\n")
end

local function convert(text, source, target)
  if source == "plain" then text, source = plain_to_markdown(text), "markdown" end
  if source == target then return text end
  local document = pandoc.read(text .. "\n", formats[source] or source, nil, no_files)
  document = document:walk(undress):walk({ CodeBlock = short_name }):walk(beyond[target] or {})
  local result = pandoc.write(document, formats[target] or target, { wrap_text = "none" })
  if target == "jira" then result = result:gsub("{anchor:}", "") end
  return (result:gsub("%s+$", ""))
end

io.stdout:setvbuf("full")
for request in io.lines() do
  local source, target, size = request:match("^(%w+) (%w+) (%d+)$")
  local text = size == "0" and "" or io.read(tonumber(size))
  local fine, result = pcall(convert, text, source, target)
  result = tostring(result)
  io.write(fine and "ok " or "error ", #result, "\n", result)
  io.flush()
end
