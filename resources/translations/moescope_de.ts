<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
<context>
    <name>CanvasFrame</name>
    <message>
        <source>The picture is not finished yet: this is the newest clean estimate.</source>
        <translation>Das Bild ist noch nicht fertig: gezeigt wird die neueste Bildschätzung.</translation>
    </message>
    <message>
        <source>This run has no finished picture: this is its last clean estimate.</source>
        <translation>Dieser Lauf hat kein fertiges Bild: gezeigt wird seine letzte Bildschätzung.</translation>
    </message>
    <message>
        <source>This run did not keep its states: the preview of the clean estimate is shown instead.</source>
        <translation>Dieser Lauf hat seine Zustände nicht behalten: gezeigt wird die Vorschau der Bildschätzung.</translation>
    </message>
    <message>
        <source>Without guidance at this evaluation only the conditional branch was run: choose it to see its experts.</source>
        <translation>Ohne Guidance lief bei dieser Auswertung nur der konditionale Zweig: ihn wählen, um seine Experten zu sehen.</translation>
    </message>
    <message>
        <source>This run kept only how many tokens each expert took: generate with &quot;assignments&quot; kept to see where they lie.</source>
        <translation>Dieser Lauf hat nur behalten, wie viele Token jeder Experte nahm: mit der Aufzeichnung „wer was bearbeitet hat“ erzeugen, um zu sehen, wo sie liegen.</translation>
    </message>
    <message>
        <source>This model has no MoE layers: there are no experts to show.</source>
        <translation>Dieses Modell hat keine MoE-Schichten: es gibt keine Experten zu zeigen.</translation>
    </message>
    <message>
        <source>No expert is chosen: click a token or set the expert&apos;s number to see its weights.</source>
        <translation>Kein Experte ist gewählt: ein Token anklicken oder die Nummer des Experten einstellen, um seine Gewichte zu sehen.</translation>
    </message>
    <message>
        <source>noisy state</source>
        <translation>verrauschter Zustand</translation>
    </message>
    <message>
        <source>velocity</source>
        <translation>Geschwindigkeit</translation>
    </message>
    <message>
        <source>picture</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>clean estimate</source>
        <translation>Bildschätzung</translation>
    </message>
    <message>
        <source>The network “%1” did not work on this picture at this evaluation: choose another evaluation, or a layer of a network that did.</source>
        <translation>Das Netz „%1“ hat bei dieser Auswertung nicht an diesem Bild gearbeitet: eine andere Auswertung wählen oder eine Schicht eines Netzes, das es tat.</translation>
    </message>
</context>
<context>
    <name>ChartKinds</name>
    <message>
        <source>Experts of the layer</source>
        <translation>Experten der Schicht</translation>
    </message>
    <message>
        <source>How much of this evaluation&apos;s work each expert of the chosen layer took (its load).</source>
        <translation>Wie viel von der Arbeit dieser Auswertung jeder Experte der gewählten Schicht übernahm (seine Last).</translation>
    </message>
    <message>
        <source>Layers and experts</source>
        <translation>Schichten und Experten</translation>
    </message>
    <message>
        <source>The load of every expert in every mixture-of-experts layer at the chosen evaluation.</source>
        <translation>Die Last jedes Experten in jeder MoE-Schicht (Expertenmischung) bei der gewählten Auswertung.</translation>
    </message>
    <message>
        <source>Experts over time</source>
        <translation>Experten über die Zeit</translation>
    </message>
    <message>
        <source>The load of the chosen layer&apos;s experts from the first, noisiest evaluation to the last.</source>
        <translation>Die Last der Experten der gewählten Schicht von der ersten, am stärksten verrauschten Auswertung bis zur letzten.</translation>
    </message>
    <message>
        <source>Balance</source>
        <translation>Balance</translation>
    </message>
    <message>
        <source>How evenly the work is spread over the experts: normalised entropy, largest load over mean load, or unused experts.</source>
        <translation>Wie gleichmäßig die Arbeit auf die Experten verteilt ist: normierte Entropie, größte Last durch mittlere Last oder ungenutzte Experten.</translation>
    </message>
    <message>
        <source>measure</source>
        <translation>Maß</translation>
    </message>
    <message>
        <source>evenness (entropy)</source>
        <translation>Entropie</translation>
    </message>
    <message>
        <source>largest over mean</source>
        <translation>Max/Mittel</translation>
    </message>
    <message>
        <source>unused experts</source>
        <translation>Ungenutzt</translation>
    </message>
    <message>
        <source>axis</source>
        <translation>Achse</translation>
    </message>
    <message>
        <source>by layer</source>
        <translation>je Schicht</translation>
    </message>
    <message>
        <source>over time</source>
        <translation>im Lauf</translation>
    </message>
    <message>
        <source>Routing changes</source>
        <translation>Änderung</translation>
    </message>
    <message>
        <source>How much of each layer&apos;s work went to other experts than at the evaluation before (distance of the load shares).</source>
        <translation>Wie viel der Arbeit jeder Schicht an andere Experten ging als bei der vorigen Auswertung (Abstand der Lastanteile).</translation>
    </message>
    <message>
        <source>Experts per token</source>
        <translation>Experten je Token</translation>
    </message>
    <message>
        <source>How many experts took each token of the chosen layer, and how many tokens no expert took (unrouted tokens).</source>
        <translation>Wie viele Experten jedes Token der gewählten Schicht nahmen und wie viele Token kein Experte nahm (ungeroutete Token).</translation>
    </message>
    <message>
        <source>time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>this evaluation</source>
        <translation>diese Auswertung</translation>
    </message>
    <message>
        <source>Capacities</source>
        <translation>Kapazitäten</translation>
    </message>
    <message>
        <source>How many tokens each expert takes compared with an even share (capacity), how many experts tokens have on average, and the share of tokens that no expert takes.</source>
        <translation>Wie viele Token jeder Experte nimmt, verglichen mit einem gleichen Anteil (Kapazität), wie viele Experten ein Token im Mittel hat und der Anteil der Token, die kein Experte nimmt.</translation>
    </message>
    <message>
        <source>quantity</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>taken by experts</source>
        <translation>je Experte</translation>
    </message>
    <message>
        <source>experts per token</source>
        <translation>Experten je Token</translation>
    </message>
    <message>
        <source>without an expert</source>
        <translation>ohne Experten</translation>
    </message>
    <message>
        <source>Networks</source>
        <translation>Netze</translation>
    </message>
    <message>
        <source>With what weight each whole network of a mixture enters the picture, from the first evaluation to the last.</source>
        <translation>Mit welchem Gewicht jedes ganze Netz einer Mischung in das Bild eingeht, von der ersten Auswertung bis zur letzten.</translation>
    </message>
    <message>
        <source>form</source>
        <translation>Form</translation>
    </message>
    <message>
        <source>stacked</source>
        <translation>gestapelt</translation>
    </message>
    <message>
        <source>lines</source>
        <translation>Linien</translation>
    </message>
    <message>
        <source>Words and experts</source>
        <translation>Wörter und Experten</translation>
    </message>
    <message>
        <source>Which experts of the chosen layer handled each word of the prompt, and its empty places.</source>
        <translation>Welche Experten der gewählten Schicht jedes Wort des Prompts und seine leeren Plätze bearbeitet haben.</translation>
    </message>
    <message>
        <source>whole run</source>
        <translation>ganzer Lauf</translation>
    </message>
</context>
<context>
    <name>ChartText</name>
    <message>
        <source>%1, %2</source>
        <comment>two places: row, column</comment>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>no data</source>
        <translation>keine Daten</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <comment>place: value</comment>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>does not exist here</source>
        <translation>gibt es hier nicht</translation>
    </message>
    <message>
        <source>still to come</source>
        <translation>steht noch aus</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <comment>title, part of the run</comment>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>a map of %1 rows (%2) and %3 columns (%4)</source>
        <translation>eine Karte mit %1 Zeilen (%2) und %3 Spalten (%4)</translation>
    </message>
    <message>
        <source>%1 bars (%2)</source>
        <translation>%1 Balken (%2)</translation>
    </message>
    <message>
        <source>%1 lines over %2 values (%3)</source>
        <translation>%1 Linien über %2 Werte (%3)</translation>
    </message>
    <message>
        <source>%1: %2, without data.</source>
        <translation>%1: %2, ohne Daten.</translation>
    </message>
    <message>
        <source>%1: %2; largest at %3; smallest at %4.</source>
        <translation>%1: %2; größter Wert bei %3; kleinster bei %4.</translation>
    </message>
    <message>
        <source>%1 (%2: %3)</source>
        <comment>title of an axis, a sign, what the sign means</comment>
        <translation>%1 (%2: %3)</translation>
    </message>
    <message>
        <source>%1 parts over %2 values (%3)</source>
        <translation>%1 Teile über %2 Werte (%3)</translation>
    </message>
</context>
<context>
    <name>ChartView</name>
    <message>
        <source>%1 Now at: %2.</source>
        <translation>%1 Jetzt bei: %2.</translation>
    </message>
    <message>
        <source>no data</source>
        <translation>keine Daten</translation>
    </message>
</context>
<context>
    <name>EngineReasons</name>
    <message>
        <source>%1 or %2</source>
        <translation>%1 oder %2</translation>
    </message>
    <message>
        <source>%1 and %2</source>
        <translation>%1 und %2</translation>
    </message>
    <message>
        <source>the words are its name</source>
        <translation>die Wörter sind ihr Name</translation>
    </message>
    <message>
        <source>its whole name &apos;</source>
        <translation>ihr ganzer Name &apos;</translation>
    </message>
    <message>
        <source>its emoji </source>
        <translation>ihr Emoji </translation>
    </message>
    <message>
        <source> is in the prompt</source>
        <translation> steht im Prompt</translation>
    </message>
    <message>
        <source>&apos; is in its name and keywords</source>
        <translation>&apos; steht in Name und Stichwörtern</translation>
    </message>
    <message>
        <source>&apos; are in its name and keywords</source>
        <translation>&apos; stehen in Name und Stichwörtern</translation>
    </message>
    <message>
        <source>&apos; is in its name</source>
        <translation>&apos; steht im Namen</translation>
    </message>
    <message>
        <source>&apos; are in its name</source>
        <translation>&apos; stehen im Namen</translation>
    </message>
    <message>
        <source>&apos; is in its keywords</source>
        <translation>&apos; steht in den Stichwörtern</translation>
    </message>
    <message>
        <source>&apos; are in its keywords</source>
        <translation>&apos; stehen in den Stichwörtern</translation>
    </message>
    <message>
        <source>&apos; was read as &apos;</source>
        <translation>&apos; wurde gelesen als &apos;</translation>
    </message>
    <message>
        <source>&apos; takes a class of </source>
        <translation>&apos; bekommt eine Klasse von </translation>
    </message>
    <message>
        <source> and the prompt, &apos;</source>
        <translation> und den Prompt, &apos;</translation>
    </message>
    <message>
        <source>&apos; takes the prompt</source>
        <translation>&apos; bekommt den Prompt</translation>
    </message>
    <message>
        <source>&apos; takes encoded text</source>
        <translation>&apos; bekommt kodierten Text</translation>
    </message>
    <message>
        <source>&apos; takes nothing</source>
        <translation>&apos; bekommt nichts</translation>
    </message>
</context>
<context>
    <name>EngineSentences</name>
    <message>
        <source>no class of this model fits the prompt %1; did you mean %2?</source>
        <translation>keine Klasse dieses Modells passt zum Prompt %1; ist %2 gemeint?</translation>
    </message>
    <message>
        <source>no class of this model fits the prompt %1; name one of the %2 classes, such as %3</source>
        <translation>keine Klasse dieses Modells passt zum Prompt %1; eine der %2 Klassen nennen, etwa %3</translation>
    </message>
    <message>
        <source>the prompt %1 has no words; name one of the %2 classes, such as %3</source>
        <translation>der Prompt %1 enthält keine Wörter; eine der %2 Klassen nennen, etwa %3</translation>
    </message>
    <message>
        <source>class %1 is out of range: this model has classes 0 to %2 (%3 is the null class)</source>
        <translation>Klasse %1 gibt es nicht: dieses Modell hat die Klassen 0 bis %2 (%3 ist die Nullklasse)</translation>
    </message>
    <message>
        <source>steps should be 1 to %1, found %2</source>
        <translation>die Zahl der Schritte muss zwischen 1 und %1 liegen, angegeben ist %2</translation>
    </message>
    <message>
        <source>the batch should have 1 to %1 pictures, found %2</source>
        <translation>die Zahl der Bilder muss zwischen 1 und %1 liegen, angegeben ist %2</translation>
    </message>
    <message>
        <source>the guidance scale should be a number between -1000 and 1000, found %1</source>
        <translation>die Guidance muss eine Zahl zwischen -1000 und 1000 sein, angegeben ist %1</translation>
    </message>
    <message>
        <source>the guidance interval should be two times 0 &lt;= LO &lt;= HI &lt;= 1, found %1,%2</source>
        <translation>der Guidance-Bereich muss innerhalb von 0 bis 1 liegen und vor seinem Ende beginnen, angegeben ist %1 bis %2</translation>
    </message>
    <message>
        <source>the noise scale should be between 0 and 100, found %1</source>
        <translation>die Rauschstärke muss zwischen 0 und 100 liegen, angegeben ist %1</translation>
    </message>
    <message>
        <source>t_eps should be above 0 and at most 1, found %1</source>
        <translation>t_eps muss über 0 und höchstens 1 sein, angegeben ist %1</translation>
    </message>
    <message>
        <source>the run would keep %1 and %2 are available; make fewer pictures or steps, or keep only counts of the routing (Settings, Advanced)</source>
        <translation>der Lauf würde %1 belegen, frei sind %2; weniger Bilder oder Schritte nehmen oder vom Routing nur Token-Anzahlen behalten (Einstellungen, Erweitert)</translation>
    </message>
    <message>
        <source>the run ended in NaN or infinite values; lower guidance or noise strength, raise steps, or look at the weights in the Model panel</source>
        <translation>der Lauf endete in NaN oder unendlichen Werten; Guidance oder Rauschstärke senken, mehr Schritte nehmen oder die Gewichte unter „Modell“ ansehen</translation>
    </message>
    <message>
        <source>the noise in &apos;%1&apos; has shape %2 where %3 (or %4 for every image) is needed; choose the batch and size that it was made for</source>
        <translation>das Rauschen in „%1“ hat die Form %2, nötig ist %3 (oder %4 für jedes Bild); Bilderzahl und Größe wählen, für die es gemacht wurde</translation>
    </message>
    <message>
        <source>&apos;%1&apos; holds %2 tensors and none is called &quot;noise&quot;; keep only the noise, or give it that name</source>
        <translation>„%1“ enthält %2 Tensoren, und keiner heißt „noise“; nur das Rauschen behalten oder ihm diesen Namen geben</translation>
    </message>
    <message>
        <source>cannot open &apos;%1&apos;; give an .npy file that can be read</source>
        <translation>„%1“ lässt sich nicht öffnen; eine lesbare .npy-Datei angeben</translation>
    </message>
    <message>
        <source>%1 could not be written: the disk is full after %2 bytes; free some space or choose another folder</source>
        <translation>%1 konnte nicht geschrieben werden: der Datenträger war nach %2 Bytes voll; Platz schaffen oder einen anderen Ordner wählen</translation>
    </message>
    <message>
        <source>%1 could not be written: the disk quota is used up after %2 bytes; free some space or choose another folder</source>
        <translation>%1 konnte nicht geschrieben werden: das Speicherkontingent war nach %2 Bytes aufgebraucht; Platz schaffen oder einen anderen Ordner wählen</translation>
    </message>
    <message>
        <source>%1 could not be written: the largest allowed file size is reached after %2 bytes; raise the limit or choose another disk</source>
        <translation>%1 konnte nicht geschrieben werden: die größte erlaubte Dateigröße war nach %2 Bytes erreicht; die Grenze anheben oder einen anderen Datenträger wählen</translation>
    </message>
    <message>
        <source>%1 could not be written (%2); check the disk or choose another folder</source>
        <translation>%1 konnte nicht geschrieben werden (%2); den Datenträger prüfen oder einen anderen Ordner wählen</translation>
    </message>
    <message>
        <source>%1 could not be created: its folder does not exist; create the folder or choose another one</source>
        <translation>%1 konnte nicht angelegt werden: den Ordner gibt es nicht; ihn anlegen oder einen anderen wählen</translation>
    </message>
    <message>
        <source>%1 could not be created: its folder may not be written to; choose another folder or change its permissions</source>
        <translation>%1 konnte nicht angelegt werden: in den Ordner darf nicht geschrieben werden; einen anderen wählen oder seine Rechte ändern</translation>
    </message>
    <message>
        <source>%1 could not be created: expected the name of a file, found a folder; add a file name</source>
        <translation>%1 konnte nicht angelegt werden: erwartet wurde der Name einer Datei, es ist ein Ordner; einen Dateinamen anfügen</translation>
    </message>
    <message>
        <source>%1: there is no such file; check the name and the folder</source>
        <translation>%1: diese Datei gibt es nicht; Name und Ordner prüfen</translation>
    </message>
    <message>
        <source>%1: the file may not be read; change its permissions</source>
        <translation>%1: die Datei darf nicht gelesen werden; ihre Rechte ändern</translation>
    </message>
    <message>
        <source>%1: the file could not be opened (%2); check the disk and try again</source>
        <translation>%1: die Datei konnte nicht geöffnet werden (%2); den Datenträger prüfen und es erneut versuchen</translation>
    </message>
    <message>
        <source>%1: expected a file, found a folder; name a file in it</source>
        <translation>%1: erwartet wurde eine Datei, es ist ein Ordner; eine Datei darin nennen</translation>
    </message>
    <message>
        <source>%1: the file is empty (0 bytes); fetch or save it again</source>
        <translation>%1: die Datei ist leer (0 Bytes); sie erneut holen oder speichern</translation>
    </message>
    <message>
        <source>%1: the session is damaged: %2; save or copy the session again</source>
        <translation>%1: die Sitzung ist beschädigt: %2; sie erneut speichern oder kopieren</translation>
    </message>
    <message>
        <source>%1: the session&apos;s manifest is damaged: %2; save or copy the session again</source>
        <translation>%1: das Manifest der Sitzung ist beschädigt: %2; sie erneut speichern oder kopieren</translation>
    </message>
    <message>
        <source>%1: expected a MoEscope session, found a safetensors file without the schema %2; choose a .moescope file</source>
        <translation>%1: erwartet wurde eine Sitzung von MoEscope, gefunden eine safetensors-Datei ohne das Schema %2; eine .moescope-Datei wählen</translation>
    </message>
    <message>
        <source>%1 was written by a newer MoEscope (v%2), this program reads session files up to v%3; open it with a newer MoEscope</source>
        <translation>%1 wurde von einem neueren MoEscope geschrieben (v%2), dieses Programm liest Sitzungsdateien bis v%3; sie mit einem neueren MoEscope öffnen</translation>
    </message>
    <message>
        <source>cannot open &apos;%1&apos;; give a PNG file that can be read</source>
        <translation>„%1“ lässt sich nicht öffnen; eine lesbare PNG-Datei angeben</translation>
    </message>
    <message>
        <source>this PNG cannot be read (%1); the file is damaged or is not a PNG</source>
        <translation>dieses PNG lässt sich nicht lesen (%1); die Datei ist beschädigt oder kein PNG</translation>
    </message>
    <message>
        <source>the picture&apos;s settings are not JSON that can be read; the file was damaged or edited</source>
        <translation>die Einstellungen des Bildes sind kein lesbares JSON; die Datei wurde beschädigt oder bearbeitet</translation>
    </message>
    <message>
        <source>the picture&apos;s settings have the schema &quot;%1&quot; and this version reads &quot;%2&quot;; a newer version of the program may read them</source>
        <translation>die Einstellungen des Bildes haben das Schema „%1“, diese Version liest „%2“; eine neuere Version des Programms kann sie vielleicht lesen</translation>
    </message>
    <message>
        <source>the picture &apos;%1&apos; holds no settings (it was written without them, or by a program that stores none); pictures saved here carry theirs</source>
        <translation>das Bild „%1“ enthält keine Einstellungen (es wurde ohne sie gespeichert oder von einem Programm, das keine schreibt); hier gespeicherte Bilder enthalten ihre</translation>
    </message>
    <message>
        <source>&apos;%1&apos; is not there; it may have been moved or deleted</source>
        <translation>„%1“ ist nicht da; vielleicht wurde es verschoben oder gelöscht</translation>
    </message>
    <message>
        <source>&apos;%1&apos; is neither a session nor a picture of this program, and as a model: %2</source>
        <translation>„%1“ ist weder eine Sitzung noch ein Bild dieses Programms, und als Modell: %2</translation>
    </message>
    <message>
        <source>that picture is not finished, so there is nothing to save; copy what is on the canvas instead</source>
        <translation>dieses Bild ist nicht fertig, also gibt es nichts zu speichern; stattdessen das Gezeigte kopieren</translation>
    </message>
    <message>
        <source>no file or folder &apos;%1&apos;; check the spelling, or open the built-in model</source>
        <translation>keine Datei und kein Ordner „%1“; die Schreibweise prüfen oder das eingebaute Modell öffnen</translation>
    </message>
    <message>
        <source>the folder &apos;%1&apos; holds no checkpoint: expected *.safetensors, *.pt or *.pth, or checkpoints/*.pt</source>
        <translation>der Ordner „%1“ enthält keinen Checkpoint: erwartet wird *.safetensors, *.pt oder *.pth, oder checkpoints/*.pt</translation>
    </message>
    <message>
        <source>%1: the file is readable but holds no tensors; choose a file with weights</source>
        <translation>%1: die Datei ist lesbar, enthält aber keine Tensoren; eine Datei mit Gewichten wählen</translation>
    </message>
    <message>
        <source>%1: expected a safetensors file, a safetensors index or a torch checkpoint, found none of them; choose a file with weights</source>
        <translation>%1: erwartet wurde eine safetensors-Datei, ein safetensors-Index oder ein Torch-Checkpoint, es ist nichts davon; eine Datei mit Gewichten wählen</translation>
    </message>
    <message>
        <source>%1: expected a checkpoint of torch.save, found %2; nothing in it was executed; choose another file</source>
        <translation>%1: erwartet wurde ein Checkpoint von torch.save, gefunden %2; nichts darin wurde ausgeführt; eine andere Datei wählen</translation>
    </message>
    <message>
        <source>%1: the file is a TorchScript program, not a checkpoint; save the module&apos;s state_dict() with torch.save</source>
        <translation>%1: die Datei ist ein TorchScript-Programm und kein Checkpoint; das state_dict() des Moduls mit torch.save speichern</translation>
    </message>
    <message>
        <source>%1: the zip archive holds no data.pkl, so it is no torch checkpoint; choose another file</source>
        <translation>%1: das Zip-Archiv enthält keine data.pkl, ist also kein Torch-Checkpoint; eine andere Datei wählen</translation>
    </message>
    <message>
        <source>%1: %2; fetch or save the file again</source>
        <translation>%1: %2; die Datei erneut holen oder speichern</translation>
    </message>
    <message>
        <source>%1: %2; fetch the model&apos;s files again</source>
        <translation>%1: %2; die Dateien des Modells erneut holen</translation>
    </message>
    <message>
        <source>the tensors are of an architecture that this version does not run: %1 tensors such as &apos;%2&apos; %3; nearest: %4. Expected one of these in its published layout: %5</source>
        <translation>die Tensoren gehören zu einer Architektur, die hier nicht läuft: %1 Tensoren wie „%2“ %3; am nächsten: %4. Erwartet wird eine von diesen im veröffentlichten Aufbau: %5</translation>
    </message>
    <message>
        <source>the model has no blocks: expected tensors named blocks.0.attn.qkv.weight and so on</source>
        <translation>das Modell hat keine Blöcke: erwartet werden Tensoren mit Namen wie blocks.0.attn.qkv.weight</translation>
    </message>
    <message>
        <source>%1 can not be read from the tensors of this %2, and its shape is none of the released sizes (%3): put the model&apos;s config beside the file or fill them in in the Model panel</source>
        <translation>%1 geht aus den Tensoren dieses %2 nicht hervor, und seine Form ist keine der veröffentlichten Größen (%3): die Konfiguration des Modells neben die Datei legen oder die Werte unter „Modell“ eintragen</translation>
    </message>
    <message>
        <source>%1 of the %2 tensors of a %3 are missing: %4</source>
        <translation>%1 der %2 Tensoren eines %3 fehlen: %4</translation>
    </message>
    <message>
        <source>the width %1 is not a multiple of the %2 heads; give the right number of heads in the Model panel</source>
        <translation>die Breite %1 ist kein Vielfaches der %2 Köpfe; die richtige Zahl der Köpfe unter „Modell“ angeben</translation>
    </message>
    <message>
        <source>top_k should be 1 to %1 (the number of experts), found %2</source>
        <translation>top_k muss zwischen 1 und %1 liegen (der Zahl der Experten), angegeben ist %2</translation>
    </message>
    <message>
        <source>n_group should divide the %1 experts, found %2</source>
        <translation>n_group muss die %1 Experten teilen, angegeben ist %2</translation>
    </message>
    <message>
        <source>topk_group should be 1 to %1 (n_group), found %2</source>
        <translation>topk_group muss zwischen 1 und %1 liegen (n_group), angegeben ist %2</translation>
    </message>
    <message>
        <source>routed_scaling_factor should be a number other than 0, found %1</source>
        <translation>routed_scaling_factor darf nicht 0 sein, angegeben ist %1</translation>
    </message>
    <message>
        <source>%1 needs %2 of memory and %3 are available; close other programs, or halve the need by keeping weights as bf16 (Model panel)</source>
        <translation>%1 braucht %2 Speicher, frei sind %3; andere Programme schließen oder die Gewichte als bf16 behalten, das halbiert den Bedarf (Bereich Modell)</translation>
    </message>
    <message>
        <source>%1 needs %2 of memory and %3 are available; close other programs</source>
        <translation>%1 braucht %2 Speicher, frei sind %3; andere Programme schließen</translation>
    </message>
    <message>
        <source>cancelled while the model was loading</source>
        <translation>abgebrochen, während das Modell geladen wurde</translation>
    </message>
    <message>
        <source>the tensor &apos;%1&apos; is missing</source>
        <translation>der Tensor „%1“ fehlt</translation>
    </message>
    <message>
        <source>the tensor &apos;%1&apos; should have shape %2, the file has %3</source>
        <translation>der Tensor „%1“ müsste die Form %2 haben, die Datei hat %3</translation>
    </message>
    <message>
        <source>the tensor &apos;%1&apos; holds NaN or infinite values; the file is damaged or its training diverged, try another weight set or download it again</source>
        <translation>der Tensor „%1“ enthält NaN oder unendliche Werte; die Datei ist beschädigt oder ihr Training divergierte, einen anderen Gewichtssatz versuchen oder sie erneut herunterladen</translation>
    </message>
    <message>
        <source>expected the folder or the file of a VAE, found nothing at %1; check the name</source>
        <translation>erwartet wurde der Ordner oder die Datei eines VAE, unter %1 ist nichts; den Namen prüfen</translation>
    </message>
    <message>
        <source>expected JSON in the config.json beside the VAE&apos;s weights, found something else; download it again</source>
        <translation>die config.json neben den Gewichten des VAE muss JSON enthalten, es ist etwas anderes; sie erneut herunterladen</translation>
    </message>
    <message>
        <source>expected an AutoencoderKL with tensors such as decoder.conv_in.weight, found %1 tensors in %2, the first named %3; give the folder or file of the model&apos;s VAE</source>
        <translation>erwartet wurde ein AutoencoderKL mit Tensoren wie decoder.conv_in.weight, gefunden %1 Tensoren in %2, der erste heißt %3; den Ordner oder die Datei des VAE zum Modell angeben</translation>
    </message>
    <message>
        <source>&apos;%1&apos; as asked for</source>
        <translation>„%1“ wie verlangt</translation>
    </message>
    <message>
        <source>&apos;%1&apos;, the only set of weights in the file</source>
        <translation>„%1“, der einzige Gewichtssatz der Datei</translation>
    </message>
    <message>
        <source>&apos;%1&apos; of %2: averaged weights give better pictures</source>
        <translation>„%1“ von %2: gemittelte Gewichte ergeben bessere Bilder</translation>
    </message>
    <message>
        <source>%1, 1 thread</source>
        <translation>%1, 1 Thread</translation>
    </message>
    <message>
        <source>%1, %2 threads</source>
        <translation>%1, %2 Threads</translation>
    </message>
    <message>
        <source>CUDA is not offered: %1; the CPU can be chosen in the Model panel</source>
        <translation>CUDA wird nicht angeboten: %1; die CPU lässt sich im Bereich Modell wählen</translation>
    </message>
    <message>
        <source>CUDA is not offered: this build has no CUDA plugin (no %1 in %2); build the program where nvcc is installed</source>
        <translation>CUDA wird nicht angeboten: diesem Programm fehlt der CUDA-Teil (kein %1 in %2); es dort bauen, wo nvcc installiert ist</translation>
    </message>
    <message>
        <source>CUDA is not offered: %1 could not be opened (%2); install the CUDA libraries that it names</source>
        <translation>CUDA wird nicht angeboten: %1 konnte nicht geöffnet werden (%2); die dort genannten CUDA-Bibliotheken installieren</translation>
    </message>
    <message>
        <source>CUDA is not offered: %1</source>
        <translation>CUDA wird nicht angeboten: %1</translation>
    </message>
    <message>
        <source>running on the CPU, because the model needs %1 and the GPU has %2 free</source>
        <translation>läuft auf der CPU, weil das Modell %1 braucht und auf der GPU %2 frei sind</translation>
    </message>
    <message>
        <source>running on the CPU, because the GPU could not be taken: %1</source>
        <translation>läuft auf der CPU, weil die GPU nicht zu benutzen war: %1</translation>
    </message>
    <message>
        <source>%1 needs %2 of the memory of %3 and %4 are free; close other programs that use it, or halve the need by keeping weights as bf16 (Model panel)</source>
        <translation>%1 braucht %2 vom Speicher von %3, frei sind %4; andere Programme schließen, die ihn belegen, oder die Gewichte als bf16 behalten, das halbiert den Bedarf (Bereich Modell)</translation>
    </message>
    <message>
        <source>%1 needs %2 of the memory of %3 and %4 are free; close other programs that use it</source>
        <translation>%1 braucht %2 vom Speicher von %3, frei sind %4; andere Programme schließen, die ihn belegen</translation>
    </message>
    <message>
        <source>%1 levels of %2 channels, %3 layers each, cross-attention to text of width %4, %5 x %6 latent pixels</source>
        <translation>%1 Stufen mit %2 Kanälen, je %3 Schichten, Cross-Attention auf Text der Breite %4, %5 x %6 Latent-Pixel</translation>
    </message>
    <message>
        <source>%1 levels of %2 channels, %3 layers each, cross-attention to text of width %4, %5 x %6 pixels</source>
        <translation>%1 Stufen mit %2 Kanälen, je %3 Schichten, Cross-Attention auf Text der Breite %4, %5 x %6 Pixel</translation>
    </message>
    <message>
        <source>%1 levels of %2 channels, %3 layers each, self-attention, %4 x %5 latent pixels</source>
        <translation>%1 Stufen mit %2 Kanälen, je %3 Schichten, Self-Attention, %4 x %5 Latent-Pixel</translation>
    </message>
    <message>
        <source>%1 levels of %2 channels, %3 layers each, self-attention, %4 x %5 pixels</source>
        <translation>%1 Stufen mit %2 Kanälen, je %3 Schichten, Self-Attention, %4 x %5 Pixel</translation>
    </message>
    <message>
        <source>%1 levels of %2 channels, %3 layers each, no attention, %4 x %5 latent pixels</source>
        <translation>%1 Stufen mit %2 Kanälen, je %3 Schichten, keine Attention, %4 x %5 Latent-Pixel</translation>
    </message>
    <message>
        <source>%1 levels of %2 channels, %3 layers each, no attention, %4 x %5 pixels</source>
        <translation>%1 Stufen mit %2 Kanälen, je %3 Schichten, keine Attention, %4 x %5 Pixel</translation>
    </message>
    <message>
        <source>the experts are told different things: %1</source>
        <translation>den Experten wird Verschiedenes gesagt: %1</translation>
    </message>
    <message>
        <source>&apos;%1&apos; knows %2 of the ensemble&apos;s %3 classes; for the others it is given no class</source>
        <translation>„%1“ kennt %2 der %3 Klassen des Ensembles; bei den anderen wird ihm keine Klasse gegeben</translation>
    </message>
    <message>
        <source>the expert &apos;%1&apos; follows encoded text, and this version runs no text encoder; choose experts that take a class, or nothing</source>
        <translation>der Experte „%1“ folgt kodiertem Text, und diese Version hat keinen Text-Encoder; Experten wählen, die eine Klasse oder nichts bekommen</translation>
    </message>
    <message>
        <source>the expert &apos;%1&apos; should be in &apos;%2&apos; beside &apos;%3&apos;, and nothing is there; put it there or correct its &quot;file&quot;</source>
        <translation>der Experte „%1“ sollte in „%2“ neben „%3“ liegen, und dort ist nichts; ihn dorthin legen oder &quot;file&quot; berichtigen</translation>
    </message>
    <message>
        <source>the experts of an ensemble share one picture, but &apos;%1&apos; works on %2 and &apos;%3&apos; on %4; choose experts of one kind of picture</source>
        <translation>die Experten eines Ensembles teilen sich ein Bild, aber „%1“ arbeitet auf %2 und „%3“ auf %4; Experten für eine Art von Bild wählen</translation>
    </message>
    <message>
        <source>&apos;%1&apos; predicts noise, and its noise schedule is not known; put its scheduler_config.json beside it, or give %2 (the numbers it was trained with) in the ensemble file</source>
        <translation>„%1“ sagt Rauschen vorher, und sein Rauschplan ist nicht bekannt; seine scheduler_config.json daneben legen oder %2 (die Zahlen, mit denen es trainiert wurde) in der Ensemble-Datei angeben</translation>
    </message>
    <message>
        <source>the expert &apos;%1&apos; of &apos;%2&apos; is an ensemble itself; name the experts of &apos;%3&apos; one by one</source>
        <translation>der Experte „%1“ von „%2“ ist selbst ein Ensemble; die Experten von „%3“ einzeln nennen</translation>
    </message>
    <message>
        <source>all %1 experts are muted; leave at least one to make the picture</source>
        <translation>alle %1 Experten sind ausgelassen; mindestens einen lassen, der das Bild macht</translation>
    </message>
</context>
<context>
    <name>Filmstrip</name>
    <message>
        <source>guidance %1</source>
        <translation>Guidance %1</translation>
    </message>
    <message>
        <source>class %1</source>
        <translation>Klasse %1</translation>
    </message>
    <message>
        <source>%1, seed %2</source>
        <translation>%1, Seed %2</translation>
    </message>
    <message>
        <source>picture</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>noise %1</source>
        <translation>Rauschen %1</translation>
    </message>
    <message>
        <source>step %1, 2nd</source>
        <translation>Schritt %1, 2.</translation>
    </message>
    <message>
        <source>step %1</source>
        <translation>Schritt %1</translation>
    </message>
</context>
<context>
    <name>GenerateSettings</name>
    <message>
        <source>Class %1 is out of range: this model has classes 0 to %2, and %3 is its null class.</source>
        <translation>Klasse %1 gibt es nicht: dieses Modell hat die Klassen 0 bis %2, und %3 ist seine Nullklasse.</translation>
    </message>
    <message>
        <source>no class</source>
        <translation>keine Klasse</translation>
    </message>
    <message>
        <source>Class %1: %2</source>
        <translation>Klasse %1: %2</translation>
    </message>
    <message>
        <source>Class %1 “%2”: %3</source>
        <translation>Klasse %1 „%2“: %3</translation>
    </message>
    <message>
        <source>The classes of this model have no names here, so words can not be matched. Type a class number from 0 to %1, or put a labels.json beside the checkpoint.</source>
        <translation>Die Klassen dieses Modells haben hier keine Namen, daher lassen sich Wörter nicht zuordnen. Eine Klassennummer von 0 bis %1 eintippen oder eine labels.json neben den Checkpoint legen.</translation>
    </message>
    <message>
        <source>given by number</source>
        <translation>als Nummer angegeben</translation>
    </message>
    <message>
        <source>The picture starts from the noise file “%1”, which is not there. Choose it under Advanced, or choose another source of noise.</source>
        <translation>Das Bild soll mit der Rauschdatei „%1“ beginnen, die nicht da ist. Sie unter „Erweitert“ wählen oder eine andere Quelle für das Rauschen nehmen.</translation>
    </message>
    <message>
        <source>class %1</source>
        <translation>Klasse %1</translation>
    </message>
    <message>
        <source>%1, seeds %2 to %3</source>
        <translation>%1, Seeds %2 bis %3</translation>
    </message>
    <message>
        <source>%1, seed %2</source>
        <translation>%1, Seed %2</translation>
    </message>
    <message>
        <source>The number of pictures should be 1 to 4096, found %1.</source>
        <translation>Die Zahl der Bilder muss zwischen 1 und 4096 liegen, angegeben ist %1.</translation>
    </message>
    <message>
        <source>The guidance interval should begin before it ends, found %1 to %2: swap the numbers or move one of them.</source>
        <translation>Der Guidance-Bereich muss beginnen, bevor er endet, angegeben ist %1 bis %2: die Zahlen tauschen oder eine davon ändern.</translation>
    </message>
    <message>
        <source>chosen from the list</source>
        <translation>aus der Liste gewählt</translation>
    </message>
    <message>
        <source>Say what to draw: type a few words, or choose a class from the list.</source>
        <translation>Was soll gemalt werden? Ein paar Wörter eintippen oder eine Klasse aus der Liste wählen.</translation>
    </message>
    <message>
        <source>Say what to draw: type a class number from 0 to %1, or choose a class from the list.</source>
        <translation>Was soll gemalt werden? Eine Klassennummer von 0 bis %1 eintippen oder eine Klasse aus der Liste wählen.</translation>
    </message>
    <message>
        <source>Open a model first: there is none to make a picture with.</source>
        <translation>Zuerst ein Modell öffnen: noch ist keines da, das ein Bild erzeugen könnte.</translation>
    </message>
    <message>
        <source>Negative: %1</source>
        <translation>Negativ: %1</translation>
    </message>
    <message>
        <source>This model takes no class and no words.</source>
        <translation>Dieses Modell nimmt weder eine Klasse noch Wörter.</translation>
    </message>
    <message>
        <source>No class: the words choose the experts.</source>
        <translation>Keine Klasse: die Wörter wählen die Experten.</translation>
    </message>
    <message>
        <source>“%1”</source>
        <translation>„%1“</translation>
    </message>
    <message>
        <source>The words are the prompt.</source>
        <translation>Die Wörter sind der Prompt.</translation>
    </message>
    <message>
        <source>No prompt: the model draws what it likes.</source>
        <translation>Kein Prompt: Das Modell zeichnet, was es will.</translation>
    </message>
    <message>
        <source>The prompt takes %1 of %2 places.</source>
        <translation>Der Prompt belegt %1 von %2 Plätzen.</translation>
    </message>
    <message>
        <source>Not known to the model: %1.</source>
        <translation>Dem Modell unbekannt: %1.</translation>
    </message>
    <message>
        <source>No place left for %1.</source>
        <translation>Kein Platz mehr für %1.</translation>
    </message>
    <message>
        <source>no prompt</source>
        <translation>kein Prompt</translation>
    </message>
</context>
<context>
    <name>HelpDrawings</name>
    <message>
        <source>token</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>router</source>
        <translation>Router</translation>
    </message>
    <message>
        <source>expert</source>
        <translation>Experte</translation>
    </message>
    <message>
        <source>shared expert</source>
        <translation>gemeinsamer Experte</translation>
    </message>
    <message>
        <source>sum</source>
        <translation>Summe</translation>
    </message>
    <message>
        <source>noise</source>
        <translation>Rauschen</translation>
    </message>
    <message>
        <source>picture</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>network</source>
        <translation>Netz</translation>
    </message>
</context>
<context>
    <name>MenuActions</name>
    <message>
        <source>Commands</source>
        <translation>Befehle</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Tasten</translation>
    </message>
    <message>
        <source>What they do</source>
        <translation>Wirkung</translation>
    </message>
</context>
<context>
    <name>MenuMaker</name>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Datei</translation>
    </message>
    <message>
        <source>&amp;Open…</source>
        <translation>&amp;Öffnen…</translation>
    </message>
    <message>
        <source>Open &amp;model…</source>
        <translation>&amp;Modell öffnen…</translation>
    </message>
    <message>
        <source>Ctrl+Shift+O</source>
        <translation>Ctrl+Shift+O</translation>
    </message>
    <message>
        <source>Open &amp;recent model</source>
        <translation>&amp;Zuletzt geöffnete Modelle</translation>
    </message>
    <message>
        <source>&amp;Save session…</source>
        <translation>&amp;Sitzung speichern…</translation>
    </message>
    <message>
        <source>Ctrl+Shift+S</source>
        <translation>Ctrl+Shift+S</translation>
    </message>
    <message>
        <source>Save &amp;picture…</source>
        <translation>&amp;Bild speichern…</translation>
    </message>
    <message>
        <source>Ctrl+Alt+S</source>
        <translation>Ctrl+Alt+S</translation>
    </message>
    <message>
        <source>&amp;Export</source>
        <translation>E&amp;xportieren</translation>
    </message>
    <message>
        <source>Routing as NPZ, CSV or JSON…</source>
        <translation>Routing als NPZ, CSV oder JSON…</translation>
    </message>
    <message>
        <source>Ctrl+E</source>
        <translation>Ctrl+E</translation>
    </message>
    <message>
        <source>Chart &apos;%1&apos;…</source>
        <translation>Diagramm „%1“…</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>B&amp;eenden</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>&amp;Bearbeiten</translation>
    </message>
    <message>
        <source>&amp;Copy picture</source>
        <translation>Bild &amp;kopieren</translation>
    </message>
    <message>
        <source>Ctrl+Shift+C</source>
        <translation>Ctrl+Shift+C</translation>
    </message>
    <message>
        <source>Copy picture with the expert &amp;map</source>
        <translation>Bild &amp;mit Expertenkarte kopieren</translation>
    </message>
    <message>
        <source>Ctrl+Alt+C</source>
        <translation>Ctrl+Alt+C</translation>
    </message>
    <message>
        <source>Copy &amp;settings as text</source>
        <translation>&amp;Einstellungen als Text kopieren</translation>
    </message>
    <message>
        <source>Copy numbers of &apos;%1&apos;</source>
        <translation>Zahlen von „%1“ kopieren</translation>
    </message>
    <message>
        <source>&amp;Preferences…</source>
        <translation>&amp;Voreinstellungen…</translation>
    </message>
    <message>
        <source>Ctrl+,</source>
        <translation>Ctrl+,</translation>
    </message>
    <message>
        <source>&amp;Generate</source>
        <translation>&amp;Erzeugen</translation>
    </message>
    <message>
        <source>Settings as the model&apos;s &amp;defaults</source>
        <translation>Einstellungen wie vom &amp;Modell vorgegeben</translation>
    </message>
    <message>
        <source>Settings of the run that is &amp;shown</source>
        <translation>Einstellungen des ge&amp;zeigten Laufs</translation>
    </message>
    <message>
        <source>Ctrl+R</source>
        <translation>Ctrl+R</translation>
    </message>
    <message>
        <source>Decode this evaluation with the &amp;VAE</source>
        <translation>Diese Auswertung mit dem VAE &amp;dekodieren</translation>
    </message>
    <message>
        <source>&amp;Routing</source>
        <translation>&amp;Routing</translation>
    </message>
    <message>
        <source>&amp;Next MoE layer</source>
        <translation>&amp;Nächste MoE-Schicht</translation>
    </message>
    <message>
        <source>Ctrl+Down</source>
        <translation>Ctrl+Down</translation>
    </message>
    <message>
        <source>&amp;Previous MoE layer</source>
        <translation>&amp;Vorige MoE-Schicht</translation>
    </message>
    <message>
        <source>Ctrl+Up</source>
        <translation>Ctrl+Up</translation>
    </message>
    <message>
        <source>Next &amp;expert</source>
        <translation>Nächster &amp;Experte</translation>
    </message>
    <message>
        <source>Ctrl+]</source>
        <translation>Ctrl+]</translation>
    </message>
    <message>
        <source>Previous e&amp;xpert</source>
        <translation>V&amp;origer Experte</translation>
    </message>
    <message>
        <source>Ctrl+[</source>
        <translation>Ctrl+[</translation>
    </message>
    <message>
        <source>With or without the prompt (&amp;branch)</source>
        <translation>Mit oder ohne Prompt (&amp;Zweig)</translation>
    </message>
    <message>
        <source>Ctrl+B</source>
        <translation>Ctrl+B</translation>
    </message>
    <message>
        <source>Tokens or &amp;gate mass</source>
        <translation>Token oder &amp;Gate-Masse</translation>
    </message>
    <message>
        <source>Ctrl+G</source>
        <translation>Ctrl+G</translation>
    </message>
    <message>
        <source>&amp;Clear the selection</source>
        <translation>Auswahl auf&amp;heben</translation>
    </message>
    <message>
        <source>Ctrl+D</source>
        <translation>Ctrl+D</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>A&amp;nsicht</translation>
    </message>
    <message>
        <source>&amp;Fit the picture</source>
        <translation>Bild &amp;einpassen</translation>
    </message>
    <message>
        <source>Ctrl+0</source>
        <translation>Ctrl+0</translation>
    </message>
    <message>
        <source>Actual size</source>
        <translation>Originalgröße</translation>
    </message>
    <message>
        <source>Ctrl+Alt+0</source>
        <translation>Ctrl+Alt+0</translation>
    </message>
    <message>
        <source>&amp;Larger</source>
        <translation>&amp;Größer</translation>
    </message>
    <message>
        <source>Ctrl+=</source>
        <translation>Ctrl+=</translation>
    </message>
    <message>
        <source>&amp;Smaller</source>
        <translation>&amp;Kleiner</translation>
    </message>
    <message>
        <source>&amp;Picture only</source>
        <translation>&amp;Nur das Bild</translation>
    </message>
    <message>
        <source>Ctrl+Shift+F</source>
        <translation>Ctrl+Shift+F</translation>
    </message>
    <message>
        <source>&amp;Reset layout</source>
        <translation>Layout &amp;zurücksetzen</translation>
    </message>
    <message>
        <source>Ctrl+Shift+R</source>
        <translation>Ctrl+Shift+R</translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation>&amp;Design</translation>
    </message>
    <message>
        <source>As the &amp;desktop</source>
        <translation>Wie der Desk&amp;top</translation>
    </message>
    <message>
        <source>&amp;Light</source>
        <translation>&amp;Hell</translation>
    </message>
    <message>
        <source>D&amp;ark</source>
        <translation>&amp;Dunkel</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>&amp;Hilfe</translation>
    </message>
    <message>
        <source>&amp;Contents</source>
        <translation>&amp;Inhalt</translation>
    </message>
    <message>
        <source>How to &amp;read the views</source>
        <translation>Ansichten richtig &amp;lesen</translation>
    </message>
    <message>
        <source>&amp;Find a command, class, expert or page…</source>
        <translation>Befehl, Klasse, Experte oder Seite &amp;finden…</translation>
    </message>
    <message>
        <source>Ctrl+K</source>
        <translation>Ctrl+K</translation>
    </message>
    <message>
        <source>&amp;Keyboard shortcuts</source>
        <translation>&amp;Tastenkürzel</translation>
    </message>
    <message>
        <source>Ctrl+?</source>
        <translation>Ctrl+?</translation>
    </message>
    <message>
        <source>Ctrl+Shift+/</source>
        <translation>Ctrl+Shift+/</translation>
    </message>
    <message>
        <source>&amp;Log…</source>
        <translation>&amp;Protokoll…</translation>
    </message>
    <message>
        <source>&amp;About MoEscope…</source>
        <translation>Ü&amp;ber MoEscope…</translation>
    </message>
    <message>
        <source>Copy picture as &amp;large as shown</source>
        <translation>Bild so &amp;groß wie gezeigt kopieren</translation>
    </message>
    <message>
        <source>&amp;New mixture of networks…</source>
        <translation>&amp;Neue Mischung von Netzen…</translation>
    </message>
    <message>
        <source>&amp;Train</source>
        <translation>&amp;Modelltraining</translation>
    </message>
    <message>
        <source>&amp;Open a run…</source>
        <translation>Lauf ö&amp;ffnen…</translation>
    </message>
    <message>
        <source>&amp;Start or go on</source>
        <translation>&amp;Beginnen oder fortsetzen</translation>
    </message>
    <message>
        <source>Ctrl+Alt+Return</source>
        <translation>Ctrl+Alt+Return</translation>
    </message>
    <message>
        <source>&amp;Pause or resume</source>
        <translation>&amp;Pausieren oder weiter</translation>
    </message>
    <message>
        <source>Ctrl+Alt+P</source>
        <translation>Ctrl+Alt+P</translation>
    </message>
    <message>
        <source>Stop and &amp;keep</source>
        <translation>Anhalten und be&amp;halten</translation>
    </message>
    <message>
        <source>Save &amp;now</source>
        <translation>&amp;Jetzt speichern</translation>
    </message>
    <message>
        <source>&amp;Generate from the current average</source>
        <translation>Mit dem jetzigen Mittel &amp;erzeugen</translation>
    </message>
    <message>
        <source>Workspace &amp;Generate</source>
        <translation>Ar&amp;beitsbereich Erzeugen</translation>
    </message>
    <message>
        <source>Ctrl+1</source>
        <translation>Ctrl+1</translation>
    </message>
    <message>
        <source>Workspace &amp;Train</source>
        <translation>Arbeitsbereich T&amp;rainieren</translation>
    </message>
    <message>
        <source>Ctrl+4</source>
        <translation>Ctrl+4</translation>
    </message>
    <message>
        <source>How &amp;training works</source>
        <translation>Wie Trainin&amp;g geht</translation>
    </message>
</context>
<context>
    <name>MixtureDraft</name>
    <message>
        <source>A mixture needs at least two networks: add another checkpoint.</source>
        <translation>Eine Mischung braucht mindestens zwei Netze: einen weiteren Checkpoint hinzufügen.</translation>
    </message>
    <message>
        <source>Every network needs a name: fill in the empty one.</source>
        <translation>Jedes Netz braucht einen Namen: den leeren ausfüllen.</translation>
    </message>
    <message>
        <source>The network “%1” has no words, so no prompt would choose it: write some, or let the noise level choose.</source>
        <translation>Das Netz „%1“ hat keine Wörter, also würde kein Prompt es wählen: einige eintragen oder das Rauschen wählen lassen.</translation>
    </message>
    <message>
        <source>The network “%1” works from noise %2 to %3: the first number has to be the larger one, as a run goes from noise 1 to 0.</source>
        <translation>Das Netz „%1“ arbeitet von Rauschen %2 bis %3: die erste Zahl muss die größere sein, denn ein Lauf geht von Rauschen 1 bis 0.</translation>
    </message>
</context>
<context>
    <name>MixtureWords</name>
    <message>
        <source>encoded text</source>
        <translation>kodierter Text</translation>
    </message>
    <message>
        <source>a class of %1 and the prompt</source>
        <translation>eine Klasse von %1 und der Prompt</translation>
    </message>
    <message>
        <source>a class of %1</source>
        <translation>eine Klasse von %1</translation>
    </message>
    <message>
        <source>the prompt</source>
        <translation>der Prompt</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>nichts</translation>
    </message>
    <message>
        <source>the likeness of the prompt to an example of each network</source>
        <translation>die Ähnlichkeit des Prompts mit einem Beispiel jedes Netzes</translation>
    </message>
    <message>
        <source>rules by hand</source>
        <translation>Regeln von Hand</translation>
    </message>
    <message>
        <source>a learned router over the noisy picture and the time</source>
        <translation>ein gelernter Router über das verrauschte Bild und die Zeit</translation>
    </message>
    <message>
        <source>a learned router over the noisy picture</source>
        <translation>ein gelernter Router über das verrauschte Bild</translation>
    </message>
    <message>
        <source>a learned router over the prompt and the time</source>
        <translation>ein gelernter Router über den Prompt und die Zeit</translation>
    </message>
    <message>
        <source>a learned router over the prompt</source>
        <translation>ein gelernter Router über den Prompt</translation>
    </message>
</context>
<context>
    <name>ModelScan</name>
    <message>
        <source>%1 (revision %2)</source>
        <translation>%1 (Revision %2)</translation>
    </message>
</context>
<context>
    <name>ModelWords</name>
    <message>
        <source>%1 and %2 more</source>
        <translation>%1 und %2 weitere</translation>
    </message>
    <message>
        <source>none: every block does all the work itself (dense)</source>
        <translation>keine: jeder Block macht die ganze Arbeit selbst (dense)</translation>
    </message>
    <message>
        <source>%1 experts in each of %2 layers</source>
        <translation>%1 Experten in jeder von %2 Schichten</translation>
    </message>
    <message>
        <source>; how many a token goes to is not known</source>
        <translation>; an wie viele ein Token geht, ist nicht bekannt</translation>
    </message>
    <message>
        <source>, and to one shared expert</source>
        <translation>, und an einen gemeinsamen Experten</translation>
    </message>
    <message>
        <source> and to one shared expert</source>
        <translation> und an einen gemeinsamen Experten</translation>
    </message>
    <message>
        <source>%1 with weights kept as %2</source>
        <translation>%1 mit Gewichten als %2</translation>
    </message>
    <message>
        <source>%1; %2 are free, it fits</source>
        <translation>%1; %2 sind frei, es passt</translation>
    </message>
    <message>
        <source>%1; only %2 are free</source>
        <translation>%1; nur %2 sind frei</translation>
    </message>
    <message>
        <source>in the folder “%1”</source>
        <translation>im Ordner „%1“</translation>
    </message>
    <message>
        <source>Attention heads</source>
        <translation>Attention-Köpfe</translation>
    </message>
    <message>
        <source>num_heads: into how many heads the attention is split; the width must be a multiple of it.</source>
        <translation>num_heads: auf wie viele Köpfe die Attention verteilt ist; die Breite muss ein Vielfaches davon sein.</translation>
    </message>
    <message>
        <source>Experts per token</source>
        <translation>Experten je Token</translation>
    </message>
    <message>
        <source>top_k, num_experts_per_tok: how many experts the router sends each token to.</source>
        <translation>top_k, num_experts_per_tok: an wie viele Experten der Router jedes Token schickt.</translation>
    </message>
    <message>
        <source>Groups of experts</source>
        <translation>Expertengruppen</translation>
    </message>
    <message>
        <source>n_group: the experts are divided into so many groups; 1 where they are not.</source>
        <translation>n_group: in so viele Gruppen sind die Experten geteilt; 1, wo sie es nicht sind.</translation>
    </message>
    <message>
        <source>Groups per token</source>
        <translation>Gruppen je Token</translation>
    </message>
    <message>
        <source>topk_group: how many of the groups a token may choose its experts from.</source>
        <translation>topk_group: aus wie vielen der Gruppen ein Token seine Experten wählen darf.</translation>
    </message>
    <message>
        <source>Sum of the gates</source>
        <translation>Summe der Gates</translation>
    </message>
    <message>
        <source>routed_scaling_factor: what the weights of a token&apos;s experts add up to.</source>
        <translation>routed_scaling_factor: was die Gewichte der Experten eines Tokens zusammen ergeben.</translation>
    </message>
    <message>
        <source>Class tokens join at block</source>
        <translation>Klassentoken ab Block</translation>
    </message>
    <message>
        <source>in_context_start: the block before which the class tokens are put in front of the image tokens.</source>
        <translation>in_context_start: der Block, vor dem die Klassentoken vor die Bildtoken gestellt werden.</translation>
    </message>
    <message>
        <source>Input size</source>
        <translation>Eingabegröße</translation>
    </message>
    <message>
        <source>input_size: side of the latent picture that the network works on.</source>
        <translation>input_size: Seitenlänge des latenten Bildes, auf dem das Netz arbeitet.</translation>
    </message>
    <message>
        <source>A setting of the training code that the tensors do not tell.</source>
        <translation>Eine Einstellung des Trainingscodes, die aus den Tensoren nicht hervorgeht.</translation>
    </message>
    <message>
        <source>%1 billion</source>
        <translation>%1 Milliarden</translation>
    </message>
    <message>
        <source>%1 million</source>
        <translation>%1 Millionen</translation>
    </message>
    <message>
        <source>%1 thousand</source>
        <translation>%1 Tausend</translation>
    </message>
    <message>
        <source>makes %1 × %1 pictures of %2 classes</source>
        <translation>erzeugt Bilder mit %1 × %1 Pixeln aus %2 Klassen</translation>
    </message>
    <message>
        <source>works on pixels</source>
        <translation>auf Pixeln arbeitet</translation>
    </message>
    <message>
        <source>works on compressed pictures (latents)</source>
        <translation>auf komprimierten Bildern (Latents) arbeitet</translation>
    </message>
    <message>
        <source>%1: a diffusion transformer without experts that %2</source>
        <translation>%1: ein Diffusions-Transformer ohne Experten, der %2</translation>
    </message>
    <message>
        <source>%1: a diffusion transformer with a mixture of experts that %2</source>
        <translation>%1: ein Diffusions-Transformer mit Expertenmischung, der %2</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>The network predicts the clean picture (x-prediction, rectified flow).</source>
        <translation>Das Netz sagt das saubere Bild voraus (x-Vorhersage, Rectified Flow).</translation>
    </message>
    <message>
        <source>The network predicts the velocity of a rectified flow (v-prediction).</source>
        <translation>Das Netz sagt die Geschwindigkeit eines Rectified Flow voraus (v-Vorhersage).</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>Parameter</translation>
    </message>
    <message>
        <source>%1; how many of them work for a token is not known</source>
        <translation>%1; wie viele davon für ein Token arbeiten, ist nicht bekannt</translation>
    </message>
    <message>
        <source>%1; %2 of them work for each token</source>
        <translation>%1; davon arbeiten %2 für jedes Token</translation>
    </message>
    <message>
        <source>Total and active parameters: experts that a token is not sent to do no work for it.</source>
        <translation>Parameter insgesamt und aktive: Experten, an die ein Token nicht geht, arbeiten nicht für es.</translation>
    </message>
    <message>
        <source>Experts</source>
        <translation>Experten</translation>
    </message>
    <message>
        <source>Routed experts × MoE layers, top-k of the router, shared expert.</source>
        <translation>Geroutete Experten × MoE-Schichten, Top-k des Routers, gemeinsamer Experte.</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>%1 blocks, width %2, %3 × %3 image tokens</source>
        <translation>%1 Blöcke, Breite %2, %3 × %3 Bildtoken</translation>
    </message>
    <message>
        <source>Depth, hidden size and token grid of the transformer; a token is a patch of %1 × %1.</source>
        <translation>Tiefe, Breite (hidden size) und Token-Raster des Transformers; ein Token ist ein Feld (Patch) von %1 × %1.</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>Gewichte</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>Number format of the stored tensors and format of the file.</source>
        <translation>Zahlenformat der gespeicherten Tensoren und Format der Datei.</translation>
    </message>
    <message>
        <source>Set of weights</source>
        <translation>Gewichtssatz</translation>
    </message>
    <message>
        <source>Training files hold the raw weights and averages of them (EMA).</source>
        <translation>Trainingsdateien enthalten die rohen Gewichte und Mittelwerte davon (EMA).</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>What the loaded weights take, without a run.</source>
        <translation>Was die geladenen Gewichte belegen, ohne einen Lauf.</translation>
    </message>
    <message>
        <source>VAE</source>
        <translation>VAE</translation>
    </message>
    <message>
        <source>none found</source>
        <translation>keines gefunden</translation>
    </message>
    <message>
        <source>Variational autoencoder: turns the latents into pixels.</source>
        <translation>Variational Autoencoder: macht aus den Latents Pixel.</translation>
    </message>
    <message>
        <source>The file does not tell everything that the model needs to run (%1). Fill it in below, or put the model&apos;s config beside the file and open it again.</source>
        <translation>Die Datei sagt nicht alles, was das Modell zum Laufen braucht (%1). Es unten eintragen oder die Konfiguration des Modells neben die Datei legen und sie erneut öffnen.</translation>
    </message>
    <message>
        <source>%1 of the %2 tensors it needs are not in the file: %3. The file is not whole, or not of this kind of model.</source>
        <translation>%1 der %2 nötigen Tensoren fehlen in der Datei: %3. Die Datei ist unvollständig oder enthält ein anderes Modell.</translation>
    </message>
    <message>
        <source>%1: should be %2, is %3</source>
        <translation>%1: erwartet %2, gefunden %3</translation>
    </message>
    <message>
        <source>%1 tensors have another shape than the rest of the model asks for: %2.</source>
        <translation>%1 Tensoren haben eine andere Form, als der Rest des Modells verlangt: %2.</translation>
    </message>
    <message>
        <source>It does not fit into the free memory. Kept as bf16 it needs %1 and fits: choose that below.</source>
        <translation>Es passt nicht in den freien Speicher. Als bf16 braucht es %1 und passt: unten so wählen.</translation>
    </message>
    <message>
        <source>It does not fit into the free memory: it needs %1 and %2 are free. Close other programs, or open a smaller model.</source>
        <translation>Es passt nicht in den freien Speicher: es braucht %1, frei sind %2. Andere Programme schließen oder ein kleineres Modell öffnen.</translation>
    </message>
    <message>
        <source>Without a VAE the pictures are a rough preview. Put config.json and diffusion_pytorch_model.safetensors of stabilityai/sd-vae-ft-mse into a folder “vae” beside the model and open it again, or choose the VAE here.</source>
        <translation>Ohne VAE sind die Bilder nur eine grobe Vorschau. config.json und diffusion_pytorch_model.safetensors von stabilityai/sd-vae-ft-mse in einen Ordner „vae“ neben dem Modell legen und es erneut öffnen, oder das VAE hier wählen.</translation>
    </message>
    <message>
        <source>%1 tensors of the file are not used: %2.</source>
        <translation>%1 Tensoren der Datei werden nicht benutzt: %2.</translation>
    </message>
    <message>
        <source>Its classes have no names here: choose them by number, or put a labels.json beside the model.</source>
        <translation>Seine Klassen haben hier keine Namen: sie als Nummer wählen oder eine labels.json neben das Modell legen.</translation>
    </message>
    <message>
        <source>each takes %1 tokens of a picture</source>
        <translation>jeder nimmt %1 Token eines Bildes</translation>
    </message>
    <message>
        <source>each takes the tokens of a batch that it wants most</source>
        <translation>jeder nimmt die Token einer Serie, die er am liebsten hat</translation>
    </message>
    <message>
        <source>each token goes to the %1 most like it</source>
        <translation>jedes Token geht an die %1, die ihm am ähnlichsten sind</translation>
    </message>
    <message>
        <source>each token goes to the %1 most like it, without a class to the last</source>
        <translation>jedes Token geht an die %1, die ihm am ähnlichsten sind, ohne Klasse an den letzten</translation>
    </message>
    <message>
        <source>each token goes to %1 of them</source>
        <translation>jedes Token geht an %1 davon</translation>
    </message>
    <message>
        <source>Mixture of diffusion experts: the velocities of whole networks are summed by the weights that a router gives them.</source>
        <translation>Mischung von Diffusionsexperten: die Geschwindigkeiten ganzer Netze werden mit den Gewichten summiert, die ein Router ihnen gibt.</translation>
    </message>
    <message>
        <source>About</source>
        <translation>Beschreibung</translation>
    </message>
    <message>
        <source>What its file says.</source>
        <translation>Was seine Datei sagt.</translation>
    </message>
    <message>
        <source>Networks</source>
        <translation>Netze</translation>
    </message>
    <message>
        <source>%1: %2, %3 parameters</source>
        <translation>%1: %2, %3 Parameter</translation>
    </message>
    <message>
        <source>Name of the expert, its checkpoint and its size.</source>
        <translation>Name des Experten, sein Checkpoint und seine Größe.</translation>
    </message>
    <message>
        <source>Chosen by</source>
        <translation>Gewählt durch</translation>
    </message>
    <message>
        <source>%1; %2 networks for each picture</source>
        <translation>%1; %2 Netze für jedes Bild</translation>
    </message>
    <message>
        <source>Router over networks and its top-k.</source>
        <translation>Router über Netze und sein Top-k.</translation>
    </message>
    <message>
        <source>%1 for all networks, %2 for the largest; %3 are free</source>
        <translation>%1 für alle Netze, %2 für das größte; frei sind %3</translation>
    </message>
    <message>
        <source>Where not all fit, they take turns in memory.</source>
        <translation>Wo nicht alle hineinpassen, wechseln sie sich im Speicher ab.</translation>
    </message>
    <message>
        <source>makes %1 × %1 pictures</source>
        <translation>erzeugt Bilder mit %1 × %1 Pixeln</translation>
    </message>
    <message>
        <source>a mixture of %1 whole networks that %2</source>
        <translation>eine Mischung von %1 ganzen Netzen, die %2</translation>
    </message>
    <message>
        <source>%1; one network for each picture</source>
        <translation>%1; ein Netz für jedes Bild</translation>
    </message>
    <message>
        <source>%1: a diffusion network without experts that %2</source>
        <translation>%1: ein Diffusionsnetz ohne Experten, das %2</translation>
    </message>
    <message>
        <source>The network predicts the noise in the picture (epsilon-prediction, discrete diffusion).</source>
        <translation>Das Netz sagt das Rauschen im Bild vorher (Epsilon-Vorhersage, diskrete Diffusion).</translation>
    </message>
    <message>
        <source>Resolutions, channels, layers and attention of the network.</source>
        <translation>Auflösungen, Kanäle, Schichten und Attention des Netzes.</translation>
    </message>
    <message>
        <source>makes %1 × %1 pictures of what a prompt says</source>
        <translation>macht Bilder von %1 × %1 nach den Worten eines Prompts</translation>
    </message>
    <message>
        <source>Prompt</source>
        <translation>Prompt</translation>
    </message>
    <message>
        <source>up to %1 pieces of words, of %2 that it knows</source>
        <translation>bis zu %1 Wortstücke, von %2, die es kennt</translation>
    </message>
    <message>
        <source>Prompt encoder: the pieces become tokens that stand in front of the image tokens, and a vector that is added to the time.</source>
        <translation>Prompt-Encoder: Aus den Stücken werden Token, die vor den Bildtoken stehen, und ein Vektor, der zur Zeit addiert wird.</translation>
    </message>
</context>
<context>
    <name>OverlaySheet</name>
    <message>
        <source>Weight of expert %1, %2</source>
        <translation>Gewicht von Experte %1, %2</translation>
    </message>
    <message>
        <source>Experts per token, %1</source>
        <translation>Experten je Token, %1</translation>
    </message>
    <message>
        <source>Main expert of each token, %1</source>
        <translation>Hauptexperte jedes Tokens, %1</translation>
    </message>
    <message>
        <source>class %1</source>
        <translation>Klasse %1</translation>
    </message>
    <message>
        <source>seed %1</source>
        <translation>Seed %1</translation>
    </message>
    <message>
        <source>picture %1 of %2</source>
        <translation>Bild %1 von %2</translation>
    </message>
    <message>
        <source>gate weight</source>
        <translation>Gate-Gewicht</translation>
    </message>
    <message>
        <source>experts</source>
        <translation>Experten</translation>
    </message>
    <message>
        <source>uncoloured: not taken by it</source>
        <translation>ohne Farbe: nicht von ihm bearbeitet</translation>
    </message>
    <message>
        <source>no expert</source>
        <translation>kein Experte</translation>
    </message>
    <message>
        <source>framed: another main expert without the prompt</source>
        <translation>gerahmt: anderer Hauptexperte ohne den Prompt</translation>
    </message>
    <message>
        <source>expert</source>
        <translation>Experte</translation>
    </message>
    <message>
        <source>%1 of %2 lead somewhere</source>
        <translation>%1 von %2 sind irgendwo Hauptexperte</translation>
    </message>
    <message>
        <source>%1 or more</source>
        <translation>%1 oder mehr</translation>
    </message>
    <message>
        <source>Tokens not in the picture: %1</source>
        <translation>Token außerhalb des Bildes: %1</translation>
    </message>
    <message>
        <source>the expert for tokens without condition</source>
        <translation>der Experte für Token ohne Bedingung</translation>
    </message>
    <message>
        <source>*: for tokens without condition</source>
        <translation>*: für Token ohne Bedingung</translation>
    </message>
    <message>
        <source>no expert, only the shared one</source>
        <translation>kein Experte, nur der gemeinsame</translation>
    </message>
</context>
<context>
    <name>QueueModel</name>
    <message>
        <source>%1 s</source>
        <translation>%1 s</translation>
    </message>
    <message>
        <source>%1 min %2 s</source>
        <translation>%1 min %2 s</translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <translation>%1 h %2 min</translation>
    </message>
</context>
<context>
    <name>RoutingCharts</name>
    <message>
        <source>How evenly the experts are used</source>
        <translation>Verteilung der Arbeit</translation>
    </message>
    <message>
        <source>Load of the busiest expert</source>
        <translation>Größte Last eines Experten</translation>
    </message>
    <message>
        <source>Experts without any work</source>
        <translation>Experten ohne Arbeit</translation>
    </message>
    <message>
        <source>evenness</source>
        <translation>Gleichmäßigkeit</translation>
    </message>
    <message>
        <source>normalised entropy</source>
        <translation>normierte Entropie</translation>
    </message>
    <message>
        <source>largest load</source>
        <translation>größte Last</translation>
    </message>
    <message>
        <source>times the mean</source>
        <translation>× Mittelwert</translation>
    </message>
    <message>
        <source>unused experts</source>
        <translation>Ungenutzte Experten</translation>
    </message>
    <message>
        <source>unused expert</source>
        <translation>ungenutzter Experte</translation>
    </message>
    <message>
        <source>Balance is a measure of one branch and has no difference: choose the conditional branch, the unconditional branch or both.</source>
        <translation>Balance ist das Maß eines Zweigs und hat keine Differenz: den konditionalen Zweig, den unkonditionalen oder beide wählen.</translation>
    </message>
    <message>
        <source>every expert the same</source>
        <translation>alle Experten gleich</translation>
    </message>
    <message>
        <source>%1, by layer</source>
        <translation>%1, nach Schicht</translation>
    </message>
    <message>
        <source>%1 over the run</source>
        <translation>%1 im Lauf</translation>
    </message>
    <message>
        <source>MoE layer %1 (block %2)</source>
        <translation>MoE-Schicht %1 (Block %2)</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <comment>name of a network, MoE layer</comment>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>conditional</source>
        <translation>konditional</translation>
    </message>
    <message>
        <source>unconditional</source>
        <translation>unkonditional</translation>
    </message>
    <message>
        <source>both branches</source>
        <translation>beide Zweige</translation>
    </message>
    <message>
        <source>conditional minus unconditional</source>
        <translation>konditional minus unkonditional</translation>
    </message>
    <message>
        <source>evaluation %1 of %2, t = %3</source>
        <translation>Auswertung %1 von %2, t = %3</translation>
    </message>
    <message>
        <source>evaluation %1 of %2</source>
        <translation>Auswertung %1 von %2</translation>
    </message>
    <message>
        <source>all %1 pictures together</source>
        <translation>alle %1 Bilder zusammen</translation>
    </message>
    <message>
        <source>picture %1 of %2</source>
        <translation>Bild %1 von %2</translation>
    </message>
    <message>
        <source>Waiting for the first evaluation of the run.</source>
        <translation>Die erste Auswertung des Laufs steht noch aus.</translation>
    </message>
    <message>
        <source>Nothing to show yet: generate a picture or open a session.</source>
        <translation>Noch nichts zu zeigen: ein Bild erzeugen oder eine Sitzung öffnen.</translation>
    </message>
    <message>
        <source>This model has no MoE layers, so there is no routing to show. Open a mixture-of-experts model to see some.</source>
        <translation>Dieses Modell hat keine MoE-Schichten, also gibt es kein Routing zu zeigen. Dafür ein Modell mit Expertenmischung öffnen.</translation>
    </message>
    <message>
        <source>This run has %1 MoE layers and no number %2: choose another layer.</source>
        <translation>Dieser Lauf hat %1 MoE-Schichten und keine Nummer %2: eine andere Schicht wählen.</translation>
    </message>
    <message>
        <source>This run has %1 pictures and no number %2: choose another picture.</source>
        <translation>Dieser Lauf hat %1 Bilder und keine Nummer %2: ein anderes Bild wählen.</translation>
    </message>
    <message>
        <source>No evaluation is chosen: choose one on the timeline.</source>
        <translation>Keine Auswertung ist gewählt: eine auf der Zeitleiste wählen.</translation>
    </message>
    <message>
        <source>No routing was recorded for this part of the run: choose another evaluation or layer.</source>
        <translation>Für diesen Teil des Laufs wurde kein Routing aufgezeichnet: eine andere Auswertung oder Schicht wählen.</translation>
    </message>
    <message>
        <source>The conditional branch was not recorded here: choose the unconditional branch.</source>
        <translation>Der konditionale Zweig wurde hier nicht aufgezeichnet: den unkonditionalen wählen.</translation>
    </message>
    <message>
        <source>The unconditional branch did not run at evaluation %1, as guidance was off there: choose the conditional branch or another evaluation.</source>
        <translation>Der unkonditionale Zweig lief bei Auswertung %1 nicht, weil die Guidance dort aus war: den konditionalen Zweig oder eine andere Auswertung wählen.</translation>
    </message>
    <message>
        <source>The unconditional branch did not run, as guidance was off: choose the conditional branch.</source>
        <translation>Der unkonditionale Zweig lief nicht, weil die Guidance aus war: den konditionalen Zweig wählen.</translation>
    </message>
    <message>
        <source>MoE layer</source>
        <translation>MoE-Schicht</translation>
    </message>
    <message>
        <source>%1 (block %2)</source>
        <comment>number of a MoE layer and of its block</comment>
        <translation>%1 (Block %2)</translation>
    </message>
    <message>
        <source>expert</source>
        <translation>Experte</translation>
    </message>
    <message>
        <source>evaluation</source>
        <translation>Auswertung</translation>
    </message>
    <message>
        <source>t = %1, noise level %2</source>
        <translation>t = %1, Rauschen %2</translation>
    </message>
    <message>
        <source>load</source>
        <translation>Last</translation>
    </message>
    <message>
        <source>tokens</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>token</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>gate mass</source>
        <translation>Gate-Masse</translation>
    </message>
    <message>
        <source>summed gate weight</source>
        <translation>Summe der Gate-Gewichte</translation>
    </message>
    <message>
        <source>Load of each expert</source>
        <translation>Last je Experte</translation>
    </message>
    <message>
        <source>Gate mass of each expert</source>
        <translation>Gate-Masse je Experte</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <comment>title, MoE layer</comment>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>of the layer&apos;s load</source>
        <translation>der Last der Schicht</translation>
    </message>
    <message>
        <source>of the layer&apos;s gate mass</source>
        <translation>der Gate-Masse der Schicht</translation>
    </message>
    <message>
        <source>How much the routing changes</source>
        <translation>Wie stark sich das Routing ändert</translation>
    </message>
    <message>
        <source>The change is followed in one branch or in both together and has no difference: choose the conditional branch, the unconditional branch or both.</source>
        <translation>Die Änderung wird in einem Zweig oder in beiden zusammen verfolgt und hat keine Differenz: den konditionalen, den unkonditionalen oder beide Zweige wählen.</translation>
    </message>
    <message>
        <source>This run has a single evaluation, and a change needs two: generate with more steps.</source>
        <translation>Dieser Lauf hat eine einzige Auswertung, eine Änderung braucht zwei: mit mehr Schritten erzeugen.</translation>
    </message>
    <message>
        <source>share that moved</source>
        <translation>verschobener Anteil</translation>
    </message>
    <message>
        <source>The expert for tokens without condition (%1) takes no part in this balance.</source>
        <translation>Der Experte für Token ohne Bedingung (%1) nimmt an dieser Balance nicht teil.</translation>
    </message>
    <message>
        <source>choice of networks</source>
        <translation>Wahl der Netze</translation>
    </message>
    <message>
        <source>The network “%1” did not work here: choose another evaluation or picture, or a layer of a network that did.</source>
        <translation>Das Netz „%1“ hat hier nicht gearbeitet: eine andere Auswertung oder ein anderes Bild wählen oder eine Schicht eines Netzes, das es tat.</translation>
    </message>
    <message>
        <source>network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>without condition</source>
        <translation>ohne Bedingung</translation>
    </message>
    <message>
        <source>Every expert takes the same number of tokens here, by construction: gate mass shows how they differ.</source>
        <translation>Hier nimmt jeder Experte gleich viele Token, so ist das Modell gebaut: die Gate-Masse zeigt, worin sie sich unterscheiden.</translation>
    </message>
    <message>
        <source>Gate mass, because here every expert takes the same number of tokens by construction.</source>
        <translation>Gate-Masse, weil hier jeder Experte gleich viele Token nimmt; so ist das Modell gebaut.</translation>
    </message>
    <message>
        <source>this network did not work there</source>
        <translation>dieses Netz hat dort nicht gearbeitet</translation>
    </message>
    <message>
        <source>use</source>
        <translation>Einsatz</translation>
    </message>
    <message>
        <source>pictures</source>
        <translation>Bilder</translation>
    </message>
    <message>
        <source>picture</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>Weights of the networks</source>
        <translation>Gewichte der Netze</translation>
    </message>
    <message>
        <source>This run was made by a single network. Open a mixture of networks (*.moe.json) to see which network works when.</source>
        <translation>Dieser Lauf stammt von einem einzelnen Netz. Eine Mischung von Netzen (*.moe.json) öffnen, um zu sehen, welches Netz wann arbeitet.</translation>
    </message>
    <message>
        <source>A difference has no parts to stack: choose lines, or another branch.</source>
        <translation>Eine Differenz hat keine Teile, die sich stapeln lassen: Linien oder einen anderen Zweig wählen.</translation>
    </message>
    <message>
        <source>Where a network has no weight it did not run at all.</source>
        <translation>Wo ein Netz kein Gewicht hat, ist es gar nicht gelaufen.</translation>
    </message>
    <message>
        <source>weight in the blend</source>
        <translation>Gewicht in der Mischung</translation>
    </message>
    <message>
        <source>did not run</source>
        <translation>lief nicht</translation>
    </message>
    <message>
        <source>Use of each network</source>
        <translation>Einsatz je Netz</translation>
    </message>
    <message>
        <source>Gate mass of each network</source>
        <translation>Gate-Masse je Netz</translation>
    </message>
    <message>
        <source>None of the networks of this run has MoE layers: look at the weights of the networks.</source>
        <translation>Keines der Netze dieses Laufs hat MoE-Schichten: die Gewichte der Netze ansehen.</translation>
    </message>
    <message>
        <source>every network the same</source>
        <translation>alle Netze gleich</translation>
    </message>
    <message>
        <source>This is counted in one branch or in both together and has no difference: choose the conditional branch, the unconditional branch or both.</source>
        <translation>Das wird in einem Zweig oder in beiden zusammen gezählt und hat keine Differenz: den konditionalen, den unkonditionalen oder beide Zweige wählen.</translation>
    </message>
    <message>
        <source>The networks of a mixture work on whole pictures: choose a MoE layer of one of them to see its tokens.</source>
        <translation>Die Netze einer Mischung arbeiten an ganzen Bildern: eine MoE-Schicht eines von ihnen wählen, um deren Token zu sehen.</translation>
    </message>
    <message>
        <source>This run kept only how many tokens each expert took: generate with “who handled what” recorded to see this.</source>
        <translation>Dieser Lauf hat nur behalten, wie viele Token jeder Experte nahm: mit der Aufzeichnung „wer was bearbeitet hat“ erzeugen, um das zu sehen.</translation>
    </message>
    <message>
        <source>experts</source>
        <translation>Experten</translation>
    </message>
    <message>
        <source>no expert took them</source>
        <translation>kein Experte nahm sie</translation>
    </message>
    <message>
        <source>Only the shared expert works on tokens that no expert took.</source>
        <translation>An Token, die kein Experte nahm, arbeitet nur der gemeinsame Experte.</translation>
    </message>
    <message>
        <source>Tokens that no expert took pass this layer unchanged.</source>
        <translation>Token, die kein Experte nahm, durchlaufen diese Schicht unverändert.</translation>
    </message>
    <message>
        <source>Experts per token</source>
        <translation>Experten je Token</translation>
    </message>
    <message>
        <source>Experts per token over the run</source>
        <translation>Experten je Token im Lauf</translation>
    </message>
    <message>
        <source>Tokens that each expert takes</source>
        <translation>Token, die jeder Experte nimmt</translation>
    </message>
    <message>
        <source>tokens taken</source>
        <translation>genommene Token</translation>
    </message>
    <message>
        <source>times an even share (N/E)</source>
        <translation>× gleicher Anteil (N/E)</translation>
    </message>
    <message>
        <source>threshold</source>
        <translation>Schwelle</translation>
    </message>
    <message>
        <source>A token counts towards an expert&apos;s capacity where its predicted probability exceeds the expert&apos;s threshold.</source>
        <translation>Ein Token zählt zur Kapazität eines Experten, wo seine vorhergesagte Wahrscheinlichkeit die Schwelle des Experten überschreitet.</translation>
    </message>
    <message>
        <source>Every expert takes the same number of tokens here, by construction: this is the model&apos;s capacity factor.</source>
        <translation>Hier nimmt jeder Experte gleich viele Token, so ist das Modell gebaut: das ist sein Kapazitätsfaktor.</translation>
    </message>
    <message>
        <source>Experts per token on average</source>
        <translation>Experten je Token im Mittel</translation>
    </message>
    <message>
        <source>experts per token</source>
        <translation>Experten je Token</translation>
    </message>
    <message>
        <source>mean</source>
        <translation>Mittelwert</translation>
    </message>
    <message>
        <source>Tokens without an expert</source>
        <translation>Token ohne Experten</translation>
    </message>
    <message>
        <source>share</source>
        <translation>Anteil</translation>
    </message>
    <message>
        <source>of the tokens</source>
        <translation>der Token</translation>
    </message>
    <message>
        <source>network and its MoE layers</source>
        <translation>Netz und seine MoE-Schichten</translation>
    </message>
    <message>
        <source>This model does not read prompts, so no word goes through its experts. The built-in model prompts32 reads them.</source>
        <translation>Dieses Modell liest keine Prompts, also geht kein Wort durch seine Experten. Das eingebaute Modell prompts32 liest sie.</translation>
    </message>
    <message>
        <source>The branches read different words: choose the conditional or the unconditional branch.</source>
        <translation>Die Zweige lesen verschiedene Wörter: den bedingten oder den unbedingten Zweig wählen.</translation>
    </message>
    <message>
        <source>The words join in a later layer: choose a MoE layer further down.</source>
        <translation>Die Wörter kommen in einer späteren Schicht hinzu: eine MoE-Schicht weiter hinten wählen.</translation>
    </message>
    <message>
        <source>These pictures have different prompts: choose one picture.</source>
        <translation>Diese Bilder haben verschiedene Prompts: ein Bild wählen.</translation>
    </message>
    <message>
        <source>Words and experts</source>
        <translation>Wörter und Experten</translation>
    </message>
    <message>
        <source>word</source>
        <translation>Wort</translation>
    </message>
    <message>
        <source>(empty places)</source>
        <translation>(leere Plätze)</translation>
    </message>
    <message>
        <source>share of the word</source>
        <translation>Anteil des Wortes</translation>
    </message>
    <message>
        <source>A row is a word: its gate weights over the experts, which sum to 1.</source>
        <translation>Eine Zeile ist ein Wort: seine Gate-Gewichte über die Experten, die zusammen 1 ergeben.</translation>
    </message>
</context>
<context>
    <name>RunWords</name>
    <message>
        <source>%1 ms</source>
        <translation>%1 ms</translation>
    </message>
    <message>
        <source>%1 s</source>
        <translation>%1 s</translation>
    </message>
    <message>
        <source>%1 min %2 s</source>
        <translation>%1 min %2 s</translation>
    </message>
    <message>
        <source>class %1</source>
        <translation>Klasse %1</translation>
    </message>
    <message>
        <source>run</source>
        <translation>Lauf</translation>
    </message>
    <message>
        <source>%1, seed %2</source>
        <translation>%1, Seed %2</translation>
    </message>
    <message>
        <source>evaluation %1 of %2</source>
        <translation>Auswertung %1 von %2</translation>
    </message>
    <message>
        <source>, %1 each</source>
        <translation>, je %1</translation>
    </message>
    <message>
        <source>, %1 left</source>
        <translation>, noch %1</translation>
    </message>
    <message numerus="yes">
        <source>Cancelled &apos;%1&apos;; %n finished picture(s) kept.</source>
        <translation>
            <numerusform>„%1“ abgebrochen; %n fertiges Bild behalten.</numerusform>
            <numerusform>„%1“ abgebrochen; %n fertige Bilder behalten.</numerusform>
        </translation>
    </message>
    <message>
        <source>Cancelled &apos;%1&apos; before a picture was finished.</source>
        <translation>„%1“ abgebrochen, bevor ein Bild fertig war.</translation>
    </message>
    <message>
        <source>&apos;%1&apos; broke off: %2</source>
        <translation>„%1“ wurde durch einen Fehler beendet: %2</translation>
    </message>
    <message numerus="yes">
        <source>Finished &apos;%1&apos;: %n picture(s).</source>
        <translation>
            <numerusform>„%1“ fertig: %n Bild.</numerusform>
            <numerusform>„%1“ fertig: %n Bilder.</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <translation>%1 h %2 min</translation>
    </message>
</context>
<context>
    <name>TokenText</name>
    <message>
        <source>row %1, column %2</source>
        <translation>Zeile %1, Spalte %2</translation>
    </message>
    <message>
        <source>class token</source>
        <translation>Klassentoken</translation>
    </message>
    <message>
        <source>text token</source>
        <translation>Texttoken</translation>
    </message>
    <message>
        <source>padding token</source>
        <translation>Fülltoken</translation>
    </message>
    <message>
        <source>image token</source>
        <translation>Bildtoken</translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>expert %1 (%2)</source>
        <translation>Experte %1 (%2)</translation>
    </message>
    <message>
        <source>%1 more</source>
        <translation>%1 weitere</translation>
    </message>
    <message>
        <source>, </source>
        <translation>, </translation>
    </message>
    <message>
        <source>%1: conditional %2; unconditional %3</source>
        <translation>%1: konditional %2; unkonditional %3</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>the whole picture</source>
        <translation>das ganze Bild</translation>
    </message>
    <message>
        <source>no network worked on it</source>
        <translation>kein Netz hat daran gearbeitet</translation>
    </message>
    <message>
        <source>no expert took it: only the shared expert worked on it</source>
        <translation>kein Experte nahm es: nur der gemeinsame Experte hat es bearbeitet</translation>
    </message>
    <message>
        <source>no expert took it: it passes this layer unchanged</source>
        <translation>kein Experte nahm es: es durchläuft diese Schicht unverändert</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <comment>name of a network, its weight</comment>
        <translation>%1 (%2)</translation>
    </message>
    <message>
        <source>expert %1 (%2, the one without condition)</source>
        <translation>Experte %1 (%2, der ohne Bedingung)</translation>
    </message>
    <message>
        <source>blended from %1</source>
        <translation>gemischt aus %1</translation>
    </message>
    <message>
        <source>made by %1</source>
        <translation>erzeugt von %1</translation>
    </message>
    <message>
        <source>taken by %1 experts: %2</source>
        <translation>von %1 Experten genommen: %2</translation>
    </message>
    <message>
        <source>the network “%1” did not work on this picture here</source>
        <translation>das Netz „%1“ hat hier nicht an diesem Bild gearbeitet</translation>
    </message>
    <message>
        <source>empty place of the prompt (%1)</source>
        <translation>leerer Platz des Prompts (%1)</translation>
    </message>
    <message>
        <source>“%1” of the prompt (%2)</source>
        <translation>„%1“ aus dem Prompt (%2)</translation>
    </message>
</context>
<context>
    <name>TrainingCharts</name>
    <message>
        <source>steps %1 to %2</source>
        <translation>Schritte %1 bis %2</translation>
    </message>
    <message>
        <source>%1, each point the mean of %2 steps</source>
        <translation>%1, jeder Punkt das Mittel von %2 Schritten</translation>
    </message>
    <message>
        <source>step</source>
        <translation>Schritt</translation>
    </message>
    <message>
        <source>Loss</source>
        <translation>Loss</translation>
    </message>
    <message>
        <source>Loss on pictures kept aside</source>
        <translation>Loss auf zurückgelegten Bildern</translation>
    </message>
    <message>
        <source>Gradient norm</source>
        <translation>Gradientennorm</translation>
    </message>
    <message>
        <source>Learning rate</source>
        <translation>Lernrate</translation>
    </message>
    <message>
        <source>No step yet. Start a run on the left, or open an earlier one.</source>
        <translation>Noch kein Schritt. Links einen Lauf beginnen oder einen früheren öffnen.</translation>
    </message>
    <message>
        <source>The first loads come after %1 steps.</source>
        <translation>Die ersten Lasten kommen nach %1 Schritten.</translation>
    </message>
    <message>
        <source>This model has no mixture layers, so there is no load to show.</source>
        <translation>Dieses Modell hat keine Schichten mit Experten, also gibt es keine Last zu zeigen.</translation>
    </message>
    <message>
        <source>MoE layer %1 (block %2)</source>
        <translation>MoE-Schicht %1 (Block %2)</translation>
    </message>
    <message>
        <source>Pictures kept aside are tried when samples are drawn and at the end of a run; a recipe with &apos;held_out: 0&apos; keeps none aside.</source>
        <translation>Zurückgelegte Bilder werden geprüft, wenn Proben gezeichnet werden und am Ende eines Laufs; ein Rezept mit „held_out: 0“ legt keine zurück.</translation>
    </message>
    <message>
        <source>gradient norm</source>
        <translation>Gradientennorm</translation>
    </message>
    <message>
        <source>learning rate</source>
        <translation>Lernrate</translation>
    </message>
    <message>
        <source>loss</source>
        <translation>Loss</translation>
    </message>
    <message>
        <source>pictures kept aside</source>
        <translation>zurückgelegte Bilder</translation>
    </message>
    <message>
        <source>each step</source>
        <translation>jeder Schritt</translation>
    </message>
    <message>
        <source>mean of %1 steps</source>
        <translation>Mittel von %1 Schritten</translation>
    </message>
    <message>
        <source>mean of the last %1 steps</source>
        <translation>Mittel der letzten %1 Schritte</translation>
    </message>
    <message>
        <source>Load of each expert</source>
        <translation>Last jedes Experten</translation>
    </message>
    <message>
        <source>expert</source>
        <translation>Experte</translation>
    </message>
    <message>
        <source>load</source>
        <translation>Last</translation>
    </message>
    <message>
        <source>times the mean</source>
        <translation>mal das Mittel</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>Balance of each layer</source>
        <translation>Balance jeder Schicht</translation>
    </message>
    <message>
        <source>Balance by noise level</source>
        <translation>Balance nach Rauschanteil</translation>
    </message>
    <message>
        <source>Experts without any work</source>
        <translation>Experten ohne jede Arbeit</translation>
    </message>
    <message>
        <source>largest load</source>
        <translation>größte Last</translation>
    </message>
    <message>
        <source>% over the mean</source>
        <translation>% über dem Mittel</translation>
    </message>
    <message>
        <source>mostly noise (t below 1/3)</source>
        <translation>vor allem Rauschen (t unter 1/3)</translation>
    </message>
    <message>
        <source>half way (t from 1/3 to 2/3)</source>
        <translation>auf halbem Weg (t von 1/3 bis 2/3)</translation>
    </message>
    <message>
        <source>mostly picture (t above 2/3)</source>
        <translation>vor allem Bild (t über 2/3)</translation>
    </message>
    <message>
        <source>unused experts</source>
        <translation>Ungenutzte Experten</translation>
    </message>
    <message>
        <source>unused expert</source>
        <translation>ungenutzter Experte</translation>
    </message>
    <message>
        <source>even enough</source>
        <translation>gleichmäßig genug</translation>
    </message>
</context>
<context>
    <name>TrainingFolder</name>
    <message>
        <source>expected the folder of a training run, found no recipe.yaml in &apos;%1&apos;; choose the folder that a run was trained into</source>
        <translation>erwartet wird der Ordner eines Trainings, in „%1“ ist keine recipe.yaml; den Ordner wählen, in den trainiert wurde</translation>
    </message>
    <message>
        <source>the sheet &apos;%1&apos; is too small for its %2 pictures; look at another step</source>
        <translation>der Bogen „%1“ ist zu klein für seine %2 Bilder; einen anderen Schritt ansehen</translation>
    </message>
</context>
<context>
    <name>moescope::AboutDialog</name>
    <message>
        <source>Which licence for what</source>
        <translation>Welche Lizenz wofür gilt</translation>
    </message>
    <message>
        <source>Program: GPL, version 3 or later</source>
        <translation>Programm: GPL, Version 3 oder später</translation>
    </message>
    <message>
        <source>Engine: Apache, version 2.0</source>
        <translation>Engine: Apache, Version 2.0</translation>
    </message>
    <message>
        <source>Emoji pictures: Open Font License 1.1</source>
        <translation>Emoji-Bilder: Open Font License 1.1</translation>
    </message>
    <message>
        <source>Emoji names: Unicode</source>
        <translation>Emoji-Namen: Unicode</translation>
    </message>
    <message>
        <source>Class names: BSD, torchvision</source>
        <translation>Klassennamen: BSD, torchvision</translation>
    </message>
    <message>
        <source>Class names: WordNet 3.0</source>
        <translation>Klassennamen: WordNet 3.0</translation>
    </message>
    <message>
        <source>About MoEscope</source>
        <translation>Über MoEscope</translation>
    </message>
    <message>
        <source>&amp;About</source>
        <translation>Ü&amp;ber</translation>
    </message>
    <message>
        <source>&amp;Licences</source>
        <translation>&amp;Lizenzen</translation>
    </message>
    <message>
        <source>&amp;Copy</source>
        <translation>&amp;Kopieren</translation>
    </message>
    <message>
        <source>Copy versions and device, for a report</source>
        <translation>Versionen und Gerät kopieren, für eine Fehlermeldung</translation>
    </message>
    <message>
        <source>About &amp;Qt</source>
        <translation>Über &amp;Qt</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>Engine</source>
        <translation>Engine</translation>
    </message>
    <message>
        <source>%1, part of the program</source>
        <translation>%1, Teil des Programms</translation>
    </message>
    <message>
        <source>Qt</source>
        <translation>Qt</translation>
    </message>
    <message>
        <source>QCustomPlot</source>
        <translation>QCustomPlot</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>Gerät</translation>
    </message>
    <message>
        <source>System</source>
        <translation>System</translation>
    </message>
    <message>
        <source>Makes pictures with sparse mixture-of-experts diffusion models and shows which expert worked on which part of them.</source>
        <translation>Erzeugt Bilder mit Diffusionsmodellen aus dünn besetzten Expertenmischungen (Sparse MoE) und zeigt, welcher Experte an welchem Teil gearbeitet hat.</translation>
    </message>
    <message>
        <source>Free software under the GNU General Public License, version 3 or later, without any warranty. The engine may be used by itself under the Apache License, version 2.0. The page Licences has the texts, and those of the bundled data.</source>
        <translation>Freie Software unter der GNU General Public License, Version 3 oder später, ohne jede Gewährleistung. Die Engine allein darf unter der Apache-Lizenz, Version 2.0, benutzt werden. Auf der Seite „Lizenzen“ stehen die Texte, auch die der mitgelieferten Daten.</translation>
    </message>
    <message>
        <source>Licences</source>
        <translation>Lizenzen</translation>
    </message>
    <message>
        <source>Text of the licence</source>
        <translation>Text der Lizenz</translation>
    </message>
    <message>
        <source>Bundled data and code: notices</source>
        <translation>Mitgelieferte Daten und Code: Hinweise</translation>
    </message>
    <message>
        <source>JSON for Modern C++: MIT</source>
        <translation>JSON for Modern C++: MIT</translation>
    </message>
    <message>
        <source>CLI11: BSD</source>
        <translation>CLI11: BSD</translation>
    </message>
    <message>
        <source>fmt: MIT</source>
        <translation>fmt: MIT</translation>
    </message>
    <message>
        <source>Devices</source>
        <translation>Geräte</translation>
    </message>
</context>
<context>
    <name>moescope::BlockSchematic</name>
    <message>
        <source>Blocks of the model</source>
        <translation>Blöcke des Modells</translation>
    </message>
    <message>
        <source>MoE layer %1 (block %2): %3 experts</source>
        <translation>MoE-Schicht %1 (Block %2): %3 Experten</translation>
    </message>
    <message>
        <source>, each token goes to %1</source>
        <translation>, jedes Token geht an %1</translation>
    </message>
    <message>
        <source>, and one shared expert</source>
        <translation>, und ein gemeinsamer Experte</translation>
    </message>
    <message>
        <source>Block %1: no experts (dense feed-forward)</source>
        <translation>Block %1: keine Experten (dense, Feed-forward)</translation>
    </message>
    <message>
        <source>%1 blocks, %2 of them with experts</source>
        <translation>%1 Blöcke, %2 davon mit Experten</translation>
    </message>
    <message>
        <source>, each takes %1 tokens</source>
        <translation>, jeder nimmt %1 Token</translation>
    </message>
    <message>
        <source>, each takes tokens of the whole batch</source>
        <translation>, jeder nimmt Token der ganzen Serie</translation>
    </message>
    <message>
        <source>, number %1 without condition</source>
        <translation>, Nummer %1 ohne Bedingung</translation>
    </message>
</context>
<context>
    <name>moescope::BuiltInModels</name>
    <message>
        <source>prompts32: reads the prompt, draws emoji and shapes</source>
        <translation>prompts32: liest den Prompt, zeichnet Emoji und Formen</translation>
    </message>
    <message>
        <source>emoji32: small pictures of emoji</source>
        <translation>emoji32: kleine Bilder von Emoji</translation>
    </message>
    <message>
        <source>A mixture of experts on pixels, part of this program: makes 32 × 32 pictures of 256 emoji in a moment. Words are matched to the names of its classes.</source>
        <translation>Eine Mischung von Experten auf Pixeln, Teil dieses Programms: macht im Nu Bilder von 256 Emoji, 32 × 32. Wörter werden den Namen seiner Klassen zugeordnet.</translation>
    </message>
    <message>
        <source>prompts32 after a tenth of its training</source>
        <translation>prompts32 nach einem Zehntel seines Trainings</translation>
    </message>
    <message>
        <source>The first built-in model as it was after 2000 of 20000 steps: compare how the experts&apos; work changed while it learned.</source>
        <translation>Das erste eingebaute Modell, wie es nach 2000 von 20000 Schritten war: zum Vergleich, wie sich die Arbeit der Experten beim Lernen änderte.</translation>
    </message>
    <message>
        <source>the same without balance</source>
        <translation>dasselbe ohne Balance</translation>
    </message>
    <message>
        <source>A twin of prompts32 after 2000 steps: same data, same seed, but nothing that evens out the work of the experts. Compare their loads.</source>
        <translation>Ein Zwilling von prompts32 nach 2000 Schritten: gleiche Daten, gleicher Seed, aber nichts, was die Arbeit der Experten ausgleicht. Zum Vergleich der Lasten.</translation>
    </message>
    <message>
        <source>Mixture of six networks for emoji</source>
        <translation>Mischung von sechs Netzen für Emoji</translation>
    </message>
    <message>
        <source>Whole networks as experts: a router over the prompt chooses and blends them. All six have the weights of emoji32; what each is for was assigned, not learned.</source>
        <translation>Ganze Netze als Experten: Ein Router über dem Prompt wählt und mischt sie. Alle sechs haben die Gewichte von emoji32; wofür jedes da ist, wurde zugewiesen, nicht gelernt.</translation>
    </message>
    <message>
        <source>A mixture of experts on pixels that reads English prompts itself, trained with this program: 256 emoji by their names, and scenes of coloured shapes such as &quot;a yellow star at the top&quot;, 32 × 32.</source>
        <translation>Eine Mischung von Experten auf Pixeln, die englische Prompts selbst liest und mit diesem Programm trainiert wurde: 256 Emoji nach ihren Namen und Szenen farbiger Formen wie „a red circle left of a blue square“, 32 × 32.</translation>
    </message>
</context>
<context>
    <name>moescope::CanvasView</name>
    <message>
        <source>Picture</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>How the run ended</source>
        <translation>Wie der Lauf endete</translation>
    </message>
    <message>
        <source>No picture yet.
Write what you would like to see and generate it, or open a saved run.</source>
        <translation>Noch kein Bild.
Aufschreiben, was zu sehen sein soll, und es erzeugen, oder einen gespeicherten Lauf öffnen.</translation>
    </message>
    <message>
        <source>&amp;Generate a picture</source>
        <translation>Bild erzeu&amp;gen</translation>
    </message>
    <message>
        <source>Makes pictures with the settings of the Generate panel</source>
        <translation>Erzeugt Bilder mit den Angaben unter „Einstellungen“</translation>
    </message>
    <message>
        <source>&amp;Open a saved run...</source>
        <translation>Gespeicherten Lauf ö&amp;ffnen...</translation>
    </message>
    <message>
        <source>Opens a session file (*.moescope)</source>
        <translation>Öffnet eine Sitzungsdatei (*.moescope)</translation>
    </message>
    <message>
        <source>Token under the pointer</source>
        <translation>Token unter dem Zeiger</translation>
    </message>
    <message>
        <source>What is shown and how large</source>
        <translation>Was gezeigt wird und wie groß</translation>
    </message>
    <message>
        <source>All</source>
        <translation>Alle</translation>
    </message>
    <message>
        <source>Show all pictures</source>
        <translation>Alle Bilder zeigen</translation>
    </message>
    <message>
        <source>Shows every picture of the batch side by side, or only the chosen one (Enter)</source>
        <translation>Zeigt alle Bilder der Serie nebeneinander oder nur das gewählte (Eingabe)</translation>
    </message>
    <message>
        <source>Fit</source>
        <translation>Einpassen</translation>
    </message>
    <message>
        <source>As large as there is room; small pictures in whole factors (Ctrl+0)</source>
        <translation>So groß, wie Platz ist; kleine Bilder in ganzen Stufen (Strg+0)</translation>
    </message>
    <message>
        <source>Original size</source>
        <translation>Originalgröße</translation>
    </message>
    <message>
        <source>One pixel of the picture is one pixel of the screen (Z)</source>
        <translation>Ein Pixel des Bildes ist ein Pixel des Bildschirms (Z)</translation>
    </message>
    <message>
        <source>Waiting for the first evaluation</source>
        <translation>Die erste Auswertung steht noch aus</translation>
    </message>
    <message>
        <source>Nothing was finished</source>
        <translation>Nichts wurde fertig</translation>
    </message>
    <message>
        <source>The run stopped before its first evaluation was finished.</source>
        <translation>Der Lauf endete, bevor seine erste Auswertung fertig war.</translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>Cancelled before the first evaluation was finished.</source>
        <translation>Abgebrochen, bevor die erste Auswertung fertig war.</translation>
    </message>
    <message>
        <source>picture %1, %2</source>
        <translation>Bild %1, %2</translation>
    </message>
    <message>
        <source>Chosen: %1</source>
        <translation>Gewählt: %1</translation>
    </message>
    <message>
        <source>Nothing is to be seen yet.</source>
        <translation>Noch ist nichts zu sehen.</translation>
    </message>
    <message>
        <source>No run is shown.</source>
        <translation>Kein Lauf wird gezeigt.</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>fit, %1</source>
        <translation>eingepasst, %1</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>%1 (rough preview)</source>
        <translation>%1 (grobe Vorschau)</translation>
    </message>
    <message>
        <source>Made without a decoder (VAE): small, and in approximate colours. Shown at %1.</source>
        <translation>Ohne Decoder (VAE) gemacht: klein und in ungefähren Farben. Gezeigt mit %1.</translation>
    </message>
    <message>
        <source>%1 x %2 pixels, shown at %3</source>
        <translation>%1 x %2 Pixel, gezeigt mit %3</translation>
    </message>
    <message>
        <source>%1 of picture %2 of %3 at evaluation %4 of %5.</source>
        <translation>%1 von Bild %2 von %3 bei Auswertung %4 von %5.</translation>
    </message>
    <message>
        <source>the main expert of each token</source>
        <translation>der Hauptexperte jedes Tokens</translation>
    </message>
    <message>
        <source>the number of experts of each token</source>
        <translation>die Zahl der Experten jedes Tokens</translation>
    </message>
    <message>
        <source>the weights of expert %1</source>
        <translation>die Gewichte von Experte %1</translation>
    </message>
    <message>
        <source>Over it %1 in %2, %3 x %4 tokens.</source>
        <translation>Darüber: %1 in %2, %3 x %4 Token.</translation>
    </message>
    <message>
        <source>evaluation %1 of %2</source>
        <translation>Auswertung %1 von %2</translation>
    </message>
    <message>
        <source>evaluation %1</source>
        <translation>Auswertung %1</translation>
    </message>
    <message>
        <source>The run stopped after %1; what was finished is shown.</source>
        <translation>Der Lauf endete nach %1; gezeigt wird, was fertig wurde.</translation>
    </message>
    <message>
        <source>Cancelled after %1; what was finished is shown.</source>
        <translation>Abgebrochen nach %1; gezeigt wird, was fertig wurde.</translation>
    </message>
</context>
<context>
    <name>moescope::ChartFrame</name>
    <message>
        <source>Chart</source>
        <translation>Diagramm</translation>
    </message>
    <message>
        <source>Show as a table</source>
        <translation>Als Tabelle zeigen</translation>
    </message>
    <message>
        <source>Export as PNG, SVG or CSV</source>
        <translation>Als PNG, SVG oder CSV exportieren</translation>
    </message>
    <message>
        <source>%1 as a table</source>
        <translation>%1 als Tabelle</translation>
    </message>
    <message>
        <source>Copied &apos;%1&apos; as a picture.</source>
        <translation>„%1“ als Bild kopiert.</translation>
    </message>
    <message>
        <source>Export &apos;%1&apos;</source>
        <translation>„%1“ exportieren</translation>
    </message>
    <message>
        <source>Picture (*.png);;Drawing (*.svg);;Numbers (*.csv)</source>
        <translation>Bild (*.png);;Zeichnung (*.svg);;Zahlen (*.csv)</translation>
    </message>
    <message>
        <source>the name should end in .png, .svg or .csv, found &apos;%1&apos;</source>
        <translation>der Name sollte auf .png, .svg oder .csv enden, er ist „%1“</translation>
    </message>
    <message>
        <source>Wrote %1.</source>
        <translation>%1 geschrieben.</translation>
    </message>
    <message>
        <source>Copy the chart as a picture (the data: from the table or the menu)</source>
        <translation>Diagramm als Bild kopieren (die Daten: aus der Tabelle oder dem Menü)</translation>
    </message>
    <message>
        <source>Copied the numbers of &apos;%1&apos;.</source>
        <translation>Zahlen von „%1“ kopiert.</translation>
    </message>
</context>
<context>
    <name>moescope::ChartPanel</name>
    <message>
        <source>All</source>
        <translation>Alle</translation>
    </message>
    <message>
        <source>All pictures of the run together, instead of the chosen one</source>
        <translation>Alle Bilder des Laufs zusammen statt des gewählten</translation>
    </message>
    <message>
        <source>All pictures together</source>
        <translation>Alle Bilder zusammen</translation>
    </message>
</context>
<context>
    <name>moescope::ClassListModel</name>
    <message>
        <source>class %1</source>
        <translation>Klasse %1</translation>
    </message>
    <message>
        <source>Class</source>
        <translation>Klasse</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Group</source>
        <translation>Gruppe</translation>
    </message>
    <message>
        <source>Keywords</source>
        <translation>Stichwörter</translation>
    </message>
</context>
<context>
    <name>moescope::ClassPicker</name>
    <message>
        <source>Choose a class</source>
        <translation>Klasse wählen</translation>
    </message>
    <message>
        <source>Search names, keywords and groups, or type a number</source>
        <translation>Namen, Stichwörter und Gruppen suchen oder eine Nummer eintippen</translation>
    </message>
    <message>
        <source>Type a class number</source>
        <translation>Klassennummer eintippen</translation>
    </message>
    <message>
        <source>Search classes</source>
        <translation>Klassen suchen</translation>
    </message>
    <message>
        <source>Classes</source>
        <translation>Klassen</translation>
    </message>
    <message>
        <source>Choose</source>
        <translation>Wählen</translation>
    </message>
    <message>
        <source>Random class</source>
        <translation>Zufällige Klasse</translation>
    </message>
    <message>
        <source>Marks a class by chance among those shown</source>
        <translation>Markiert eine zufällige Klasse unter den gezeigten</translation>
    </message>
    <message>
        <source>No class fits. Try another word, or part of one.</source>
        <translation>Keine Klasse passt. Ein anderes Wort oder einen Teil davon versuchen.</translation>
    </message>
    <message>
        <source>%1 of %2 classes</source>
        <translation>%1 von %2 Klassen</translation>
    </message>
</context>
<context>
    <name>moescope::CleanEstimate</name>
    <message>
        <source>The run has no such evaluation or picture; choose one that is there.</source>
        <translation>Der Lauf hat keine solche Auswertung und kein solches Bild; etwas Vorhandenes wählen.</translation>
    </message>
    <message>
        <source>The latents of this moment are not there: they are kept when a run is finished, unless it was made without them; look at the preview.</source>
        <translation>Die Latents dieses Moments sind nicht da: sie bleiben nach dem Ende eines Laufs erhalten, außer er lief ohne sie; stattdessen die Vorschau ansehen.</translation>
    </message>
</context>
<context>
    <name>moescope::CommandPalette</name>
    <message>
        <source>Find a command</source>
        <translation>Befehl finden</translation>
    </message>
    <message>
        <source>Find commands, classes, experts, help pages</source>
        <translation>Befehle, Klassen, Experten, Hilfeseiten finden</translation>
    </message>
    <message>
        <source>What was found</source>
        <translation>Gefunden</translation>
    </message>
    <message>
        <source>Nothing fits. Try fewer words, or the beginning of one.</source>
        <translation>Nichts passt. Weniger Wörter oder nur einen Wortanfang versuchen.</translation>
    </message>
    <message numerus="yes">
        <source>%n more: type on to find them.</source>
        <translation>
            <numerusform>%n weiterer Treffer: weitertippen, um ihn zu finden.</numerusform>
            <numerusform>%n weitere Treffer: weitertippen, um sie zu finden.</numerusform>
        </translation>
    </message>
    <message>
        <source>Enter runs, the arrows choose, Esc closes.</source>
        <translation>Eingabe führt aus, die Pfeile wählen, Esc schließt.</translation>
    </message>
    <message>
        <source>“%1” is not available now.</source>
        <translation>„%1“ ist jetzt nicht verfügbar.</translation>
    </message>
    <message>
        <source>command</source>
        <translation>Befehl</translation>
    </message>
    <message>
        <source>on</source>
        <translation>an</translation>
    </message>
    <message>
        <source>off</source>
        <translation>aus</translation>
    </message>
    <message>
        <source>number %1</source>
        <translation>Nummer %1</translation>
    </message>
    <message>
        <source>class</source>
        <translation>Klasse</translation>
    </message>
    <message>
        <source>class %1</source>
        <translation>Klasse %1</translation>
    </message>
    <message>
        <source>no name is known</source>
        <translation>kein Name bekannt</translation>
    </message>
    <message>
        <source>selects it in every view</source>
        <translation>wählt ihn in jeder Ansicht</translation>
    </message>
    <message>
        <source>expert</source>
        <translation>Experte</translation>
    </message>
    <message>
        <source>help page</source>
        <translation>Hilfeseite</translation>
    </message>
    <message>
        <source>network “%1”</source>
        <translation>Netz „%1“</translation>
    </message>
    <message>
        <source>expert %1 of %2</source>
        <translation>Experte %1 von %2</translation>
    </message>
</context>
<context>
    <name>moescope::DockTitleBar</name>
    <message>
        <source>Float or dock this panel</source>
        <translation>Diesen Bereich lösen oder andocken</translation>
    </message>
    <message>
        <source>Close this panel (the View menu brings it back)</source>
        <translation>Diesen Bereich schließen (das Menü Ansicht holt ihn zurück)</translation>
    </message>
</context>
<context>
    <name>moescope::EngineService</name>
    <message>
        <source>CPU, %1</source>
        <translation>CPU, %1</translation>
    </message>
    <message>
        <source>Looking at the model…</source>
        <translation>Modell wird untersucht…</translation>
    </message>
    <message>
        <source>%1 is loaded when the jobs before it are done.</source>
        <translation>%1 wird nach den wartenden Aufträgen geladen.</translation>
    </message>
    <message>
        <source>Loading %1…</source>
        <translation>%1 wird geladen…</translation>
    </message>
    <message>
        <source>%1 is ready.</source>
        <translation>%1 ist bereit.</translation>
    </message>
    <message>
        <source>%1 is not in memory; it is loaded again when a picture is made.</source>
        <translation>%1 ist nicht im Speicher; beim nächsten Bild wird es wieder geladen.</translation>
    </message>
    <message>
        <source>Loading %1 again…</source>
        <translation>%1 wird wieder geladen…</translation>
    </message>
    <message>
        <source>1 picture</source>
        <translation>1 Bild</translation>
    </message>
    <message>
        <source>%1 pictures</source>
        <translation>%1 Bilder</translation>
    </message>
    <message>
        <source>evaluation %1 of %2</source>
        <translation>Auswertung %1 von %2</translation>
    </message>
    <message>
        <source>%1 (CUDA)</source>
        <translation>%1 (CUDA)</translation>
    </message>
    <message>
        <source>%1 changes the device when the jobs before it are done.</source>
        <translation>%1 wechselt das Gerät nach den wartenden Aufträgen.</translation>
    </message>
</context>
<context>
    <name>moescope::EngineWorker</name>
    <message>
        <source>Decoding this picture needs a VAE and none was found: put a folder named &apos;vae&apos; (stabilityai/sd-vae-ft-mse) beside the model, or choose one when you open it.</source>
        <translation>Um dieses Bild zu dekodieren, ist ein VAE nötig, und keines wurde gefunden: einen Ordner „vae“ (stabilityai/sd-vae-ft-mse) neben das Modell legen oder beim Öffnen eines wählen.</translation>
    </message>
</context>
<context>
    <name>moescope::ErrorBox</name>
    <message>
        <source>Make room on the disk, or save to another one, and try again.</source>
        <translation>Platz auf dem Datenträger schaffen oder auf einem anderen speichern und es erneut versuchen.</translation>
    </message>
    <message>
        <source>Closing other programs, fewer pictures at once, or weights kept as bf16 need less memory.</source>
        <translation>Andere Programme schließen, weniger Bilder auf einmal oder Gewichte als bf16: all das spart Speicher.</translation>
    </message>
    <message>
        <source>The file may be damaged or not complete. If it was downloaded, compare its size or download it again.</source>
        <translation>Die Datei ist vielleicht beschädigt oder unvollständig. Wurde sie heruntergeladen, ihre Größe vergleichen oder sie erneut herunterladen.</translation>
    </message>
    <message>
        <source>Try the model&apos;s own settings, and weights kept as f32.</source>
        <translation>Die Einstellungen des Modells und Gewichte als f32 versuchen.</translation>
    </message>
    <message>
        <source>This is a mistake of the program. Please report it with the details below.</source>
        <translation>Das ist ein Fehler des Programms. Bitte mit den Details unten melden.</translation>
    </message>
    <message>
        <source>Something went wrong, and nothing says what.</source>
        <translation>Etwas ging schief, und nichts verrät, was.</translation>
    </message>
    <message>
        <source>&amp;Details</source>
        <translation>&amp;Details</translation>
    </message>
    <message>
        <source>What to put into a report: the message and the end of the log</source>
        <translation>Was in eine Fehlermeldung gehört: die Meldung und das Ende des Protokolls</translation>
    </message>
    <message>
        <source>&amp;Copy</source>
        <translation>&amp;Kopieren</translation>
    </message>
    <message>
        <source>Copy the details</source>
        <translation>Die Details kopieren</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Details</source>
        <translation>Details</translation>
    </message>
    <message numerus="yes">
        <source>This has happened %n times now.</source>
        <translation>
            <numerusform>Das ist jetzt %n-mal passiert.</numerusform>
            <numerusform>Das ist jetzt %n-mal passiert.</numerusform>
        </translation>
    </message>
    <message>
        <source>Fewer pictures at once, or weights kept as bf16, need less memory of the GPU. The CPU works in the computer&apos;s own memory.</source>
        <translation>Weniger Bilder auf einmal oder Gewichte als bf16 brauchen weniger Speicher der GPU. Die CPU arbeitet im Arbeitsspeicher des Rechners.</translation>
    </message>
    <message>
        <source>What was finished is kept. The model is loaded again if the GPU comes back.</source>
        <translation>Was fertig war, bleibt. Das Modell wird wieder geladen, wenn die GPU zurückkommt.</translation>
    </message>
</context>
<context>
    <name>moescope::FilmstripView</name>
    <message>
        <source>Timeline: evaluation that is shown</source>
        <translation>Zeitleiste: gezeigte Auswertung</translation>
    </message>
    <message>
        <source>No evaluations yet</source>
        <translation>Noch keine Auswertungen</translation>
    </message>
    <message>
        <source>step %1 (second evaluation)</source>
        <translation>Schritt %1 (zweite Auswertung)</translation>
    </message>
    <message>
        <source>step %1</source>
        <translation>Schritt %1</translation>
    </message>
    <message>
        <source>evaluation %1 of %2, %3, noise %4, %5</source>
        <translation>Auswertung %1 von %2, %3, Rauschen %4, %5</translation>
    </message>
    <message>
        <source>no guidance</source>
        <translation>keine Guidance</translation>
    </message>
    <message>
        <source>noise %1</source>
        <translation>Rauschen %1</translation>
    </message>
    <message>
        <source>The evaluations of a run appear here, from noise to picture.</source>
        <translation>Hier erscheinen die Auswertungen eines Laufs, vom Rauschen zum Bild.</translation>
    </message>
</context>
<context>
    <name>moescope::HelpBrowser</name>
    <message>
        <source>Help page</source>
        <translation>Hilfeseite</translation>
    </message>
</context>
<context>
    <name>moescope::HelpWindow</name>
    <message>
        <source>Help</source>
        <translation>Hilfe</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>Forward</source>
        <translation>Vor</translation>
    </message>
    <message>
        <source>First page</source>
        <translation>Erste Seite</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suche</translation>
    </message>
    <message>
        <source>Larger text</source>
        <translation>Größerer Text</translation>
    </message>
    <message>
        <source>Smaller text</source>
        <translation>Kleinerer Text</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Search the help</source>
        <translation>Hilfe durchsuchen</translation>
    </message>
    <message>
        <source>Pages in which all these words occur (Ctrl+F)</source>
        <translation>Seiten, in denen alle diese Wörter vorkommen (Strg+F)</translation>
    </message>
    <message>
        <source>Contents</source>
        <translation>Inhalt</translation>
    </message>
    <message>
        <source>Pages found</source>
        <translation>Gefundene Seiten</translation>
    </message>
    <message>
        <source>No page has all these words. Try fewer, or other ones; the glossary has the words of the papers.</source>
        <translation>Keine Seite enthält alle diese Wörter. Weniger oder andere versuchen; im Glossar stehen die Begriffe der Fachartikel.</translation>
    </message>
    <message>
        <source>%1 - Help</source>
        <translation>%1 – Hilfe</translation>
    </message>
</context>
<context>
    <name>moescope::HistoryFolder</name>
    <message>
        <source>%1 could not be written to the History folder (%2); free some space there or make it writable</source>
        <translation>%1 konnte nicht in den Verlaufsordner geschrieben werden (%2); dort Platz schaffen oder Schreibrechte geben</translation>
    </message>
    <message>
        <source>%1 could not be written to the History folder (%2); move some of its files away</source>
        <translation>%1 konnte nicht in den Verlaufsordner geschrieben werden (%2); einige seiner Dateien verschieben</translation>
    </message>
    <message>
        <source>The star could not be kept: %1 belongs to another program (%2); rename it</source>
        <translation>Der Stern konnte nicht gespeichert werden: %1 gehört einem anderen Programm (%2); die Datei umbenennen</translation>
    </message>
    <message>
        <source>%1 could not be removed (%2); make the History folder writable</source>
        <translation>%1 konnte nicht entfernt werden (%2); Schreibrechte für den Verlaufsordner geben</translation>
    </message>
    <message>
        <source>%1 could not be deleted (%2); make the History folder writable</source>
        <translation>%1 konnte nicht gelöscht werden (%2); Schreibrechte für den Verlaufsordner geben</translation>
    </message>
</context>
<context>
    <name>moescope::HistoryModel</name>
    <message>
        <source>class %1</source>
        <translation>Klasse %1</translation>
    </message>
    <message>
        <source>seed %1, %2 steps, %3, guidance %4</source>
        <translation>Seed %1, %2 Schritte, %3, Guidance %4</translation>
    </message>
    <message>
        <source>model %1</source>
        <translation>Modell %1</translation>
    </message>
    <message numerus="yes">
        <source>%n picture(s)</source>
        <translation>
            <numerusform>%n Bild</numerusform>
            <numerusform>%n Bilder</numerusform>
        </translation>
    </message>
    <message>
        <source>cancelled before the end</source>
        <translation>vor dem Ende abgebrochen</translation>
    </message>
</context>
<context>
    <name>moescope::HistoryPanel</name>
    <message>
        <source>Find in history</source>
        <translation>Im Verlauf suchen</translation>
    </message>
    <message>
        <source>Only starred runs</source>
        <translation>Nur Läufe mit Stern</translation>
    </message>
    <message>
        <source>History of runs</source>
        <translation>Verlauf der Läufe</translation>
    </message>
    <message>
        <source>Nothing here yet. Every picture you make is kept here until you delete it.</source>
        <translation>Noch leer. Jedes erzeugte Bild bleibt hier, bis es gelöscht wird.</translation>
    </message>
    <message numerus="yes">
        <source>%n run(s), %1 of %2</source>
        <translation>
            <numerusform>%n Lauf, %1 von %2</numerusform>
            <numerusform>%n Läufe, %1 von %2</numerusform>
        </translation>
    </message>
    <message>
        <source>Delete this starred run for good?</source>
        <translation>Diesen Lauf mit Stern endgültig löschen?</translation>
    </message>
    <message>
        <source>Delete this run for good?</source>
        <translation>Diesen Lauf endgültig löschen?</translation>
    </message>
    <message>
        <source>Delete run</source>
        <translation>Lauf löschen</translation>
    </message>
    <message>
        <source>Save session</source>
        <translation>Sitzung speichern</translation>
    </message>
    <message>
        <source>Session (*.moescope)</source>
        <translation>Sitzung (*.moescope)</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>Restore its settings</source>
        <translation>Seine Einstellungen übernehmen</translation>
    </message>
    <message>
        <source>Remove star</source>
        <translation>Stern entfernen</translation>
    </message>
    <message>
        <source>Star</source>
        <translation>Mit Stern markieren</translation>
    </message>
    <message>
        <source>Save session as…</source>
        <translation>Sitzung speichern unter…</translation>
    </message>
    <message>
        <source>Show in its folder</source>
        <translation>Im Ordner zeigen</translation>
    </message>
    <message>
        <source>Delete…</source>
        <translation>Löschen…</translation>
    </message>
    <message>
        <source>History is full</source>
        <translation>Der Verlauf ist voll</translation>
    </message>
    <message numerus="yes">
        <source>History holds %1, more than the %2 it may take. Delete the %n oldest run(s) without a star (%3)?</source>
        <translation>
            <numerusform>Der Verlauf belegt %1, mehr als die erlaubten %2. Den ältesten Lauf ohne Stern löschen (%n Lauf, %3)?</numerusform>
            <numerusform>Der Verlauf belegt %1, mehr als die erlaubten %2. Die %n ältesten Läufe ohne Stern löschen (%3)?</numerusform>
        </translation>
    </message>
    <message>
        <source>Delete them</source>
        <translation>Löschen</translation>
    </message>
    <message>
        <source>Allow twice as much</source>
        <translation>Doppelt so viel erlauben</translation>
    </message>
    <message>
        <source>Keep everything for now</source>
        <translation>Vorerst alles behalten</translation>
    </message>
</context>
<context>
    <name>moescope::HistoryStore</name>
    <message>
        <source>This run is no longer in History; it was deleted.</source>
        <translation>Dieser Lauf ist nicht mehr im Verlauf; er wurde gelöscht.</translation>
    </message>
    <message>
        <source>A run can be saved when it has ended; wait for it, or cancel it to keep what is there.</source>
        <translation>Ein Lauf kann gespeichert werden, sobald er beendet ist; warten, oder ihn abbrechen und behalten, was da ist.</translation>
    </message>
</context>
<context>
    <name>moescope::LogWindow</name>
    <message>
        <source>Log</source>
        <translation>Protokoll</translation>
    </message>
    <message>
        <source>What the program did since it was started. Copy it into a report of a problem; your home folder is written as ~, prompts and other names are not in it unless a message quotes them.</source>
        <translation>Was das Programm seit dem Start getan hat. Zum Kopieren in eine Fehlermeldung; der eigene Ordner steht als ~ darin, Prompts und andere Namen nur, wenn eine Meldung sie zitiert.</translation>
    </message>
    <message>
        <source>Nothing has been said since the program was started or the log was cleared.</source>
        <translation>Seit dem Start oder dem letzten Leeren gab es nichts zu melden.</translation>
    </message>
    <message>
        <source>&amp;Copy</source>
        <translation>&amp;Kopieren</translation>
    </message>
    <message>
        <source>Copy the whole log, with the versions at its head</source>
        <translation>Das ganze Protokoll kopieren, mit den Versionen am Anfang</translation>
    </message>
    <message>
        <source>&amp;Save…</source>
        <translation>&amp;Speichern…</translation>
    </message>
    <message>
        <source>Write the log to a text file</source>
        <translation>Das Protokoll in eine Textdatei schreiben</translation>
    </message>
    <message>
        <source>C&amp;lear</source>
        <translation>&amp;Leeren</translation>
    </message>
    <message>
        <source>Forget the lines so far</source>
        <translation>Die bisherigen Zeilen vergessen</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Save log</source>
        <translation>Protokoll speichern</translation>
    </message>
    <message>
        <source>Text files (*.txt);;All files (*)</source>
        <translation>Textdateien (*.txt);;Alle Dateien (*)</translation>
    </message>
    <message>
        <source>The log could not be written to %1: %2. Choose another folder, or copy the log instead.</source>
        <translation>Das Protokoll konnte nicht nach %1 geschrieben werden: %2. Einen anderen Ordner wählen oder das Protokoll kopieren.</translation>
    </message>
</context>
<context>
    <name>moescope::MainWindow</name>
    <message>
        <source>Prompt</source>
        <translation>Prompt</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Timeline</source>
        <translation>Zeitleiste</translation>
    </message>
    <message>
        <source>History</source>
        <translation>Verlauf</translation>
    </message>
    <message>
        <source>Queue</source>
        <translation>Warteschlange</translation>
    </message>
    <message>
        <source>The chart was not written</source>
        <translation>Das Diagramm wurde nicht geschrieben</translation>
    </message>
    <message>
        <source>Progress of the run</source>
        <translation>Fortschritt des Laufs</translation>
    </message>
    <message>
        <source>Device that the models run on. Click for the log.</source>
        <translation>Gerät, auf dem die Modelle laufen. Ein Klick öffnet das Protokoll.</translation>
    </message>
    <message>
        <source>Opened the model %1.</source>
        <translation>Modell %1 geöffnet.</translation>
    </message>
    <message>
        <source>The model could not be opened</source>
        <translation>Das Modell konnte nicht geöffnet werden</translation>
    </message>
    <message>
        <source>Device: %1</source>
        <translation>Gerät: %1</translation>
    </message>
    <message>
        <source>MoEscope %1, Qt %2, %3</source>
        <translation>MoEscope %1, Qt %2, %3</translation>
    </message>
    <message>
        <source>The run broke off</source>
        <translation>Der Lauf wurde durch einen Fehler beendet</translation>
    </message>
    <message>
        <source>The evaluation could not be decoded</source>
        <translation>Die Auswertung konnte nicht dekodiert werden</translation>
    </message>
    <message>
        <source>&apos;%1&apos; could not be opened</source>
        <translation>„%1“ konnte nicht geöffnet werden</translation>
    </message>
    <message>
        <source>Saved %1.</source>
        <translation>%1 gespeichert.</translation>
    </message>
    <message>
        <source>&apos;%1&apos; was not saved</source>
        <translation>„%1“ wurde nicht gespeichert</translation>
    </message>
    <message>
        <source>The run is kept in memory only</source>
        <translation>Der Lauf liegt nur im Arbeitsspeicher</translation>
    </message>
    <message>
        <source> The run stays in memory until the program ends; save it somewhere else with File &gt; Save session.</source>
        <translation> Der Lauf bleibt im Arbeitsspeicher, bis das Programm endet; ihn mit Datei &gt; Sitzung speichern woanders sichern.</translation>
    </message>
    <message>
        <source>A run is going</source>
        <translation>Ein Lauf ist im Gange</translation>
    </message>
    <message>
        <source>A picture is being made. Close anyway? What is finished of it is kept in History.</source>
        <translation>Gerade entsteht ein Bild. Trotzdem schließen? Was davon fertig ist, bleibt im Verlauf.</translation>
    </message>
    <message>
        <source>Stop it and close</source>
        <translation>Abbrechen und schließen</translation>
    </message>
    <message>
        <source>Keep running</source>
        <translation>Weiterlaufen lassen</translation>
    </message>
    <message>
        <source>Open a session, a picture or a model</source>
        <translation>Sitzung, Bild oder Modell öffnen</translation>
    </message>
    <message>
        <source>Looking at %1 …</source>
        <translation>%1 wird untersucht …</translation>
    </message>
    <message>
        <source>&apos;%1&apos; can not be opened</source>
        <translation>„%1“ kann nicht geöffnet werden</translation>
    </message>
    <message>
        <source>%1 is a session; opening it.</source>
        <translation>%1 ist eine Sitzung und wird geöffnet.</translation>
    </message>
    <message>
        <source>%1 looks like a model; opening it.</source>
        <translation>%1 sieht nach einem Modell aus und wird geöffnet.</translation>
    </message>
    <message>
        <source>%1 was made with these settings. Use them for the next picture?</source>
        <translation>%1 wurde mit diesen Einstellungen erzeugt. Sie für das nächste Bild verwenden?</translation>
    </message>
    <message>
        <source>It was made with the model &apos;%1&apos;, which is not the one that is open; the picture will differ.</source>
        <translation>Es stammt vom Modell „%1“, das gerade nicht geöffnet ist; das Bild wird anders aussehen.</translation>
    </message>
    <message>
        <source>Restore settings</source>
        <translation>Einstellungen übernehmen</translation>
    </message>
    <message>
        <source>Use these settings</source>
        <translation>Diese Einstellungen verwenden</translation>
    </message>
    <message>
        <source>Settings of %1 restored.</source>
        <translation>Einstellungen von %1 übernommen.</translation>
    </message>
    <message>
        <source>Settings of &apos;%1&apos; restored.</source>
        <translation>Einstellungen von „%1“ übernommen.</translation>
    </message>
    <message>
        <source>The run is still going; it can be saved when it is finished.</source>
        <translation>Der Lauf ist noch im Gange; er kann gespeichert werden, sobald er fertig ist.</translation>
    </message>
    <message>
        <source>Save session</source>
        <translation>Sitzung speichern</translation>
    </message>
    <message>
        <source>Session (*.moescope)</source>
        <translation>Sitzung (*.moescope)</translation>
    </message>
    <message>
        <source>Save picture</source>
        <translation>Bild speichern</translation>
    </message>
    <message>
        <source>Picture (*.png)</source>
        <translation>Bild (*.png)</translation>
    </message>
    <message>
        <source>The picture is %1 x %2 pixels. How many times as large should it be saved?</source>
        <translation>Das Bild hat %1 x %2 Pixel. Wievielfach vergrößert soll es gespeichert werden?</translation>
    </message>
    <message>
        <source>Wrote %1.</source>
        <translation>%1 geschrieben.</translation>
    </message>
    <message>
        <source>The picture was not written</source>
        <translation>Das Bild wurde nicht geschrieben</translation>
    </message>
    <message>
        <source>The run is still going; its routing can be exported when it is finished.</source>
        <translation>Der Lauf ist noch im Gange; sein Routing kann exportiert werden, sobald er fertig ist.</translation>
    </message>
    <message>
        <source>Export routing</source>
        <translation>Routing exportieren</translation>
    </message>
    <message>
        <source>Arrays for Python (*.npz);;Table (*.csv);;Sums as JSON (*.json);;Report as text (*.txt)</source>
        <translation>Arrays für Python (*.npz);;Tabelle (*.csv);;Summen als JSON (*.json);;Bericht als Text (*.txt)</translation>
    </message>
    <message>
        <source>The routing was not written</source>
        <translation>Das Routing wurde nicht geschrieben</translation>
    </message>
    <message>
        <source>Copied the picture with the expert map.</source>
        <translation>Bild mit Expertenkarte kopiert.</translation>
    </message>
    <message>
        <source>Copied the picture.</source>
        <translation>Bild kopiert.</translation>
    </message>
    <message>
        <source>Copied the settings.</source>
        <translation>Einstellungen kopiert.</translation>
    </message>
    <message>
        <source>The log was not written</source>
        <translation>Das Protokoll wurde nicht geschrieben</translation>
    </message>
    <message>
        <source>Routing</source>
        <translation>Routing</translation>
    </message>
    <message>
        <source>History could not be changed</source>
        <translation>Der Verlauf konnte nicht geändert werden</translation>
    </message>
    <message>
        <source>The model that is open. Click to see what it is.</source>
        <translation>Das geöffnete Modell. Ein Klick zeigt, was es ist.</translation>
    </message>
    <message>
        <source>Model: %1</source>
        <translation>Modell: %1</translation>
    </message>
    <message>
        <source>Runs that are in memory only</source>
        <translation>Läufe, die nur im Speicher sind</translation>
    </message>
    <message numerus="yes">
        <source>%n run(s) could not be written to the History folder and will be lost when the window closes. To keep one, choose it in History and save it to another folder.</source>
        <translation>
            <numerusform>Ein Lauf konnte nicht in den Ordner des Verlaufs geschrieben werden und geht beim Schließen verloren. Um ihn zu behalten, wählen Sie ihn im Verlauf aus und speichern Sie ihn in einem anderen Ordner.</numerusform>
            <numerusform>%n Läufe konnten nicht in den Ordner des Verlaufs geschrieben werden und gehen beim Schließen verloren. Um einen zu behalten, wählen Sie ihn im Verlauf aus und speichern Sie ihn in einem anderen Ordner.</numerusform>
        </translation>
    </message>
    <message>
        <source>Lose them and close</source>
        <translation>Verwerfen und schließen</translation>
    </message>
    <message>
        <source>Show them in History</source>
        <translation>Im Verlauf zeigen</translation>
    </message>
    <message>
        <source>Run on the CPU</source>
        <translation>Auf der CPU rechnen</translation>
    </message>
    <message>
        <source>All that can be opened (*.moescope *.png *.safetensors *.pt *.pth *.moe.json);;Sessions (*.moescope);;Pictures (*.png);;Models (*.safetensors *.pt *.pth *.moe.json);;All files (*)</source>
        <translation>Alles, was sich öffnen lässt (*.moescope *.png *.safetensors *.pt *.pth *.moe.json);;Sitzungen (*.moescope);;Bilder (*.png);;Modelle (*.safetensors *.pt *.pth *.moe.json);;Alle Dateien (*)</translation>
    </message>
    <message>
        <source>CPU: %1</source>
        <translation>CPU: %1</translation>
    </message>
    <message>
        <source>CUDA: %1</source>
        <translation>CUDA: %1</translation>
    </message>
    <message>
        <source>Workspaces</source>
        <translation>Arbeitsbereiche</translation>
    </message>
    <message>
        <source>Generate</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>Make pictures and see which experts worked on them (Ctrl+1)</source>
        <translation>Bilder erzeugen und sehen, welche Experten daran arbeiteten (Strg+1)</translation>
    </message>
    <message>
        <source>Train</source>
        <translation>Trainieren</translation>
    </message>
    <message>
        <source>Train a model of your own and watch it learn (Ctrl+4)</source>
        <translation>Ein eigenes Modell trainieren und ihm beim Lernen zusehen (Strg+4)</translation>
    </message>
    <message>
        <source>A training run is going. Click to see it.</source>
        <translation>Ein Training ist im Gange. Ein Klick zeigt es.</translation>
    </message>
    <message>
        <source>Training: %1</source>
        <translation>Training: %1</translation>
    </message>
    <message>
        <source>Opening the weights after step %1. The training goes on; both are slower while a picture is made.</source>
        <translation>Die Gewichte nach Schritt %1 werden geöffnet. Das Training geht weiter; beides ist langsamer, solange ein Bild entsteht.</translation>
    </message>
    <message>
        <source>Opening the weights after step %1.</source>
        <translation>Die Gewichte nach Schritt %1 werden geöffnet.</translation>
    </message>
    <message>
        <source>A training run is going</source>
        <translation>Ein Training ist im Gange</translation>
    </message>
    <message>
        <source>A model is being trained. Stop it, save it and close? It can go on later exactly where it stopped.</source>
        <translation>Ein Modell wird trainiert. Anhalten, speichern und schließen? Es kann später genau dort weitergehen, wo es aufgehört hat.</translation>
    </message>
    <message>
        <source>Stop, save and close</source>
        <translation>Anhalten, speichern und schließen</translation>
    </message>
    <message>
        <source>Keep training</source>
        <translation>Weiter trainieren</translation>
    </message>
    <message>
        <source>Saving the run …</source>
        <translation>Der Lauf wird gespeichert …</translation>
    </message>
    <message>
        <source>Opening the weights after step %1. The training stays paused.</source>
        <translation>Die Gewichte nach Schritt %1 werden geöffnet. Das Training bleibt in der Pause.</translation>
    </message>
    <message>
        <source>It was made with the built-in model &apos;%1&apos;, which will be opened.</source>
        <translation>Es wurde mit dem eingebauten Modell „%1“ gemacht, das dann geöffnet wird.</translation>
    </message>
    <message>
        <source>%1 is the folder of a training run; opening it.</source>
        <translation>%1 ist der Ordner eines Trainings; er wird geöffnet.</translation>
    </message>
</context>
<context>
    <name>moescope::ModelCard</name>
    <message>
        <source>No model is open</source>
        <translation>Kein Modell ist geöffnet</translation>
    </message>
    <message>
        <source>Open one, or drop a checkpoint onto the window.</source>
        <translation>Eines öffnen oder einen Checkpoint auf das Fenster ziehen.</translation>
    </message>
    <message>
        <source>It can not run</source>
        <translation>Es kann nicht laufen</translation>
    </message>
    <message>
        <source>Warning</source>
        <translation>Warnung</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>nicht bekannt</translation>
    </message>
    <message>
        <source>Use These Values</source>
        <translation>Diese Werte verwenden</translation>
    </message>
    <message>
        <source>Opens the model again with these settings; they count more than what its files say</source>
        <translation>Öffnet das Modell erneut mit diesen Einstellungen; sie zählen mehr als das, was seine Dateien sagen</translation>
    </message>
    <message>
        <source>%1 (%2 tensors)</source>
        <translation>%1 (%2 Tensoren)</translation>
    </message>
    <message>
        <source>Use weights</source>
        <translation>Gewichtssatz</translation>
    </message>
    <message>
        <source>Weight set: training files hold the raw weights and averages of them (EMA), which give better pictures.</source>
        <translation>Gewichtssatz: Trainingsdateien enthalten die rohen Gewichte und Mittelwerte davon (EMA), die bessere Bilder ergeben.</translation>
    </message>
    <message>
        <source>f32, exact</source>
        <translation>f32, exakt</translation>
    </message>
    <message>
        <source>bf16, half the memory</source>
        <translation>bf16, halber Speicher</translation>
    </message>
    <message>
        <source>Keep as</source>
        <translation>Behalten als</translation>
    </message>
    <message>
        <source>How weights are kept in memory (dtype); arithmetic is fp32 in both. Pictures of bf16 weights differ slightly.</source>
        <translation>Wie die Gewichte im Speicher liegen (dtype); gerechnet wird immer in fp32. Bilder mit bf16-Gewichten weichen leicht ab.</translation>
    </message>
    <message>
        <source>Choose VAE...</source>
        <translation>VAE wählen...</translation>
    </message>
    <message>
        <source>Choose Another VAE...</source>
        <translation>Anderes VAE wählen...</translation>
    </message>
    <message>
        <source>A folder with config.json and diffusion_pytorch_model.safetensors</source>
        <translation>Ein Ordner mit config.json und diffusion_pytorch_model.safetensors</translation>
    </message>
    <message>
        <source>Folder of the VAE</source>
        <translation>Ordner des VAE</translation>
    </message>
</context>
<context>
    <name>moescope::ModelDock</name>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>reading weights: %p %</source>
        <translation>Gewichte werden gelesen: %p %</translation>
    </message>
    <message>
        <source>Reading weights</source>
        <translation>Gewichte werden gelesen</translation>
    </message>
    <message>
        <source>Open...</source>
        <translation>Öffnen...</translation>
    </message>
    <message>
        <source>Open another model: a file, a folder, or one found on this machine</source>
        <translation>Ein anderes Modell öffnen: eine Datei, einen Ordner oder eines, das auf diesem Rechner gefunden wurde</translation>
    </message>
    <message>
        <source>Unload</source>
        <translation>Entladen</translation>
    </message>
    <message>
        <source>Give the memory of the weights back; they are loaded again when a job needs them</source>
        <translation>Den Speicher der Gewichte freigeben; sie werden wieder geladen, wenn ein Auftrag sie braucht</translation>
    </message>
    <message>
        <source>Try Again</source>
        <translation>Erneut versuchen</translation>
    </message>
    <message>
        <source>Open this model again</source>
        <translation>Dieses Modell erneut öffnen</translation>
    </message>
    <message>
        <source>Blocks, from the noise to the picture. Coloured: with experts and how many; click one to look at it.</source>
        <translation>Blöcke, vom Rauschen zum Bild. Farbig: mit Experten und wie vielen; ein Klick zeigt die Schicht.</translation>
    </message>
    <message>
        <source>Blocks, from the noise to the picture. None has experts, so there is no routing to look at.</source>
        <translation>Blöcke, vom Rauschen zum Bild. Keiner hat Experten, also gibt es kein Routing zu sehen.</translation>
    </message>
    <message>
        <source>The weights are not in memory; the next job loads them.</source>
        <translation>Die Gewichte sind nicht im Speicher; der nächste Auftrag lädt sie.</translation>
    </message>
    <message>
        <source>It can not run as it is; see above.</source>
        <translation>So kann es nicht laufen; siehe oben.</translation>
    </message>
    <message>
        <source>Loading the weights.</source>
        <translation>Die Gewichte werden geladen.</translation>
    </message>
    <message>
        <source>Ready.</source>
        <translation>Bereit.</translation>
    </message>
    <message>
        <source>The model could not be loaded.</source>
        <translation>Das Modell konnte nicht geladen werden.</translation>
    </message>
    <message>
        <source>Device</source>
        <translation>Gerät</translation>
    </message>
    <message>
        <source>What the models run on. Automatic: the GPU if there is one and the model fits into its memory, else the CPU. Another choice loads the model again.</source>
        <translation>Worauf die Modelle laufen. Automatisch: die GPU, wenn es eine gibt und das Modell in ihren Speicher passt, sonst die CPU. Eine andere Wahl lädt das Modell neu.</translation>
    </message>
    <message>
        <source>&amp;Device</source>
        <translation>A&amp;usführen auf</translation>
    </message>
    <message>
        <source>automatic</source>
        <translation>automatisch</translation>
    </message>
    <message>
        <source>CPU</source>
        <translation>CPU</translation>
    </message>
</context>
<context>
    <name>moescope::NetworkPanel</name>
    <message>
        <source>Networks of the mixture</source>
        <translation>Netze der Mischung</translation>
    </message>
    <message>
        <source>network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>leave out</source>
        <translation>auslassen</translation>
    </message>
    <message>
        <source>always</source>
        <translation>immer</translation>
    </message>
    <message>
        <source>weight</source>
        <translation>Gewicht</translation>
    </message>
    <message>
        <source>Parameters of the network</source>
        <translation>Parameter des Netzes</translation>
    </message>
    <message>
        <source>It never runs, and the router chooses among the others (muted).</source>
        <translation>Es läuft nie, und der Router wählt unter den anderen (stumm).</translation>
    </message>
    <message>
        <source>It is always among the chosen, with the weight that the router gives it (pinned).</source>
        <translation>Es ist immer unter den gewählten, mit dem Gewicht, das der Router ihm gibt (angeheftet).</translation>
    </message>
    <message>
        <source>Its share in the blend, instead of the router&apos;s.</source>
        <translation>Sein Anteil an der Mischung, statt des vom Router gegebenen.</translation>
    </message>
    <message>
        <source>Networks per picture</source>
        <translation>Netze je Bild</translation>
    </message>
    <message>
        <source>How many networks the router chooses for a picture at each evaluation (top-k).</source>
        <translation>Wie viele Netze der Router bei jeder Auswertung für ein Bild wählt (Top-k).</translation>
    </message>
    <message>
        <source>Weights by hand</source>
        <translation>Gewichte von Hand</translation>
    </message>
    <message>
        <source>The weights of the table instead of the router&apos;s, for the whole run.</source>
        <translation>Die Gewichte der Tabelle statt der des Routers, für den ganzen Lauf.</translation>
    </message>
    <message>
        <source>As the Mixture Says</source>
        <translation>Wie von der Mischung vorgegeben</translation>
    </message>
    <message>
        <source>Nothing left out, nothing always chosen, the router decides.</source>
        <translation>Nichts ausgelassen, nichts immer gewählt, der Router entscheidet.</translation>
    </message>
    <message>
        <source>%1, is told: %2</source>
        <translation>%1, bekommt gesagt: %2</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Weight of %1</source>
        <translation>Gewicht von %1</translation>
    </message>
    <message>
        <source>as the mixture says (%1)</source>
        <translation>wie von der Mischung vorgegeben (%1)</translation>
    </message>
    <message>
        <source>What the next runs change about the choice of networks:</source>
        <translation>Was die nächsten Läufe an der Wahl der Netze ändern:</translation>
    </message>
    <message>
        <source>Weights by hand, step by step</source>
        <translation>Gewichte von Hand, Schritt für Schritt</translation>
    </message>
</context>
<context>
    <name>moescope::NewMixtureDialog</name>
    <message>
        <source>New mixture of networks</source>
        <translation>Neue Mischung von Netzen</translation>
    </message>
    <message>
        <source>what people will call it</source>
        <translation>wie sie heißen soll</translation>
    </message>
    <message>
        <source>Networks of the mixture</source>
        <translation>Netze der Mischung</translation>
    </message>
    <message>
        <source>network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>file</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>words that call for it</source>
        <translation>Wörter, die es rufen</translation>
    </message>
    <message>
        <source>from noise</source>
        <translation>von Rauschen</translation>
    </message>
    <message>
        <source>to noise</source>
        <translation>bis Rauschen</translation>
    </message>
    <message>
        <source>Share of noise at which it begins to work; 1 is the start of the run</source>
        <translation>Rauschanteil, bei dem es zu arbeiten beginnt; 1 ist der Beginn des Laufs</translation>
    </message>
    <message>
        <source>Share of noise at which it stops; 0 is the finished picture</source>
        <translation>Rauschanteil, bei dem es aufhört; 0 ist das fertige Bild</translation>
    </message>
    <message>
        <source>&amp;Add checkpoints…</source>
        <translation>Checkpoints &amp;hinzufügen…</translation>
    </message>
    <message>
        <source>&amp;Remove</source>
        <translation>&amp;Entfernen</translation>
    </message>
    <message>
        <source>Take the chosen networks out of the mixture; their files stay</source>
        <translation>Die gewählten Netze aus der Mischung nehmen; ihre Dateien bleiben</translation>
    </message>
    <message>
        <source>the words of the prompt</source>
        <translation>die Wörter des Prompts</translation>
    </message>
    <message>
        <source>the noise level</source>
        <translation>das Rauschen</translation>
    </message>
    <message>
        <source>nobody: all weigh the same</source>
        <translation>niemand: alle zählen gleich viel</translation>
    </message>
    <message>
        <source>Who chooses among the networks (router). One that learns from examples is fitted with moescope-cli ensemble fit.</source>
        <translation>Wer unter den Netzen wählt (Router). Einen, der aus Beispielen lernt, passt moescope-cli ensemble fit an.</translation>
    </message>
    <message>
        <source>How many networks work on a picture at each evaluation (top-k); the others rest.</source>
        <translation>Wie viele Netze bei jeder Auswertung an einem Bild arbeiten (Top-k); die anderen ruhen.</translation>
    </message>
    <message>
        <source>What is wrong with the mixture</source>
        <translation>Was an der Mischung nicht stimmt</translation>
    </message>
    <message>
        <source>&amp;Save and open…</source>
        <translation>&amp;Speichern und öffnen…</translation>
    </message>
    <message>
        <source>&amp;Name</source>
        <translation>&amp;Name</translation>
    </message>
    <message>
        <source>&amp;Chosen by</source>
        <translation>&amp;Gewählt durch</translation>
    </message>
    <message>
        <source>Networks per &amp;picture</source>
        <translation>Netze je &amp;Bild</translation>
    </message>
    <message>
        <source>Whole models that make pictures of one kind and size can work as one: at every evaluation a few of them are chosen, and their answers are blended.</source>
        <translation>Ganze Modelle, die Bilder gleicher Art und Größe erzeugen, können wie eines arbeiten: bei jeder Auswertung werden einige von ihnen gewählt und ihre Antworten gemischt.</translation>
    </message>
    <message>
        <source>Checkpoints of the networks</source>
        <translation>Checkpoints der Netze</translation>
    </message>
    <message>
        <source>Models (*.safetensors *.pt *.pth);;All files (*)</source>
        <translation>Modelle (*.safetensors *.pt *.pth);;Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Noise at which %1 begins</source>
        <translation>Rauschen, bei dem %1 beginnt</translation>
    </message>
    <message>
        <source>Noise at which %1 stops</source>
        <translation>Rauschen, bei dem %1 aufhört</translation>
    </message>
    <message>
        <source>A network is chosen where the prompt is like its words: write a few for each, such as “cat dog horse”.</source>
        <translation>Ein Netz wird gewählt, wo der Prompt seinen Wörtern ähnelt: für jedes einige eintragen, etwa „cat dog horse“.</translation>
    </message>
    <message>
        <source>Each network works in its part of the run: from much noise (1), where large shapes form, to little (0), where details do.</source>
        <translation>Jedes Netz arbeitet in seinem Teil des Laufs: von viel Rauschen (1), wo große Formen entstehen, bis zu wenig (0), wo Einzelheiten entstehen.</translation>
    </message>
    <message>
        <source>The first networks of the list are chosen and weigh the same.</source>
        <translation>Die ersten Netze der Liste werden gewählt und zählen gleich viel.</translation>
    </message>
    <message>
        <source>mixture</source>
        <translation>Mischung</translation>
    </message>
    <message>
        <source>Save the mixture</source>
        <translation>Mischung speichern</translation>
    </message>
    <message>
        <source>Mixtures of networks (*.moe.json)</source>
        <translation>Mischungen von Netzen (*.moe.json)</translation>
    </message>
</context>
<context>
    <name>moescope::OpenModelDialog</name>
    <message>
        <source>Open a model</source>
        <translation>Modell öffnen</translation>
    </message>
    <message>
        <source>Built in</source>
        <translation>Eingebaut</translation>
    </message>
    <message>
        <source>can run</source>
        <translation>kann laufen</translation>
    </message>
    <message>
        <source>Opened before</source>
        <translation>Früher geöffnet</translation>
    </message>
    <message>
        <source>Hugging Face cache on this machine</source>
        <translation>Hugging-Face-Cache auf diesem Rechner</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>Modelle</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Family</source>
        <translation>Familie</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>Search a Folder...</source>
        <translation>Ordner durchsuchen...</translation>
    </message>
    <message>
        <source>Looks for models in a folder and below it; reads headers only</source>
        <translation>Sucht Modelle in einem Ordner und darunter; liest nur Dateiköpfe</translation>
    </message>
    <message>
        <source>Stop Searching</source>
        <translation>Suche beenden</translation>
    </message>
    <message>
        <source>Remove from List</source>
        <translation>Aus Liste entfernen</translation>
    </message>
    <message>
        <source>Forgets this entry (Del); the file stays</source>
        <translation>Vergisst diesen Eintrag (Entf); die Datei bleibt</translation>
    </message>
    <message>
        <source>File or folder</source>
        <translation>Datei oder Ordner</translation>
    </message>
    <message>
        <source>File...</source>
        <translation>Datei...</translation>
    </message>
    <message>
        <source>Folder...</source>
        <translation>Ordner...</translation>
    </message>
    <message>
        <source>VAE</source>
        <translation>VAE</translation>
    </message>
    <message>
        <source>Variational autoencoder that turns latents into pixels: a diffusers folder or a file</source>
        <translation>Variational Autoencoder, der aus Latents Pixel macht: ein diffusers-Ordner oder eine Datei</translation>
    </message>
    <message>
        <source>looked for beside the model and in the Hugging Face cache</source>
        <translation>wird neben dem Modell und im Hugging-Face-Cache gesucht</translation>
    </message>
    <message>
        <source>Choose...</source>
        <translation>Wählen...</translation>
    </message>
    <message>
        <source>VA&amp;E</source>
        <translation>VA&amp;E</translation>
    </message>
    <message>
        <source>Keep weights as</source>
        <translation>Gewichte behalten als</translation>
    </message>
    <message>
        <source>f32, exact</source>
        <translation>f32, exakt</translation>
    </message>
    <message>
        <source>bf16, half the memory</source>
        <translation>bf16, halber Speicher</translation>
    </message>
    <message>
        <source>How weights are kept in memory (dtype); arithmetic is fp32 in both</source>
        <translation>Wie die Gewichte im Speicher liegen (dtype); gerechnet wird immer in fp32</translation>
    </message>
    <message>
        <source>File or &amp;folder</source>
        <translation>Datei oder &amp;Ordner</translation>
    </message>
    <message>
        <source>&amp;Keep weights as</source>
        <translation>&amp;Gewichte behalten als</translation>
    </message>
    <message>
        <source>Folder to search</source>
        <translation>Ordner zum Durchsuchen</translation>
    </message>
    <message>
        <source>%1, in %2</source>
        <translation>%1, in %2</translation>
    </message>
    <message>
        <source>not there any more</source>
        <translation>nicht mehr da</translation>
    </message>
    <message>
        <source>There is nothing at %1 now</source>
        <translation>Unter %1 ist jetzt nichts</translation>
    </message>
    <message>
        <source>another</source>
        <translation>andere</translation>
    </message>
    <message>
        <source>no: %1</source>
        <translation>nein: %1</translation>
    </message>
    <message>
        <source>searching %1</source>
        <translation>%1 wird durchsucht</translation>
    </message>
    <message>
        <source>stopped before all of %1 was searched</source>
        <translation>beendet, bevor %1 ganz durchsucht war</translation>
    </message>
    <message>
        <source>no model found in %1</source>
        <translation>kein Modell in %1 gefunden</translation>
    </message>
    <message>
        <source>In %1</source>
        <translation>In %1</translation>
    </message>
    <message>
        <source>%1 (%2), %3, %4.</source>
        <translation>%1 (%2), %3, %4.</translation>
    </message>
    <message>
        <source>Folder of a model</source>
        <translation>Ordner eines Modells</translation>
    </message>
    <message>
        <source>Checkpoint</source>
        <translation>Checkpoint</translation>
    </message>
    <message>
        <source>Folder of the VAE</source>
        <translation>Ordner des VAE</translation>
    </message>
    <message>
        <source>a checkpoint (.safetensors, .pt, .pth), the folder it is in, or an ensemble (.moe.json)</source>
        <translation>ein Checkpoint (.safetensors, .pt, .pth), sein Ordner oder ein Ensemble (.moe.json)</translation>
    </message>
    <message>
        <source>Models (*.safetensors *.pt *.pth *.bin *.safetensors.index.json *.moe.json);;All files (*)</source>
        <translation>Modelle (*.safetensors *.pt *.pth *.bin *.safetensors.index.json *.moe.json);;Alle Dateien (*)</translation>
    </message>
</context>
<context>
    <name>moescope::OverlayControls</name>
    <message>
        <source>clean estimate</source>
        <translation>Bildschätzung</translation>
    </message>
    <message>
        <source>The picture as the model guesses it at this evaluation (x0 prediction)</source>
        <translation>Das Bild, wie das Modell es bei dieser Auswertung vermutet (x0-Vorhersage)</translation>
    </message>
    <message>
        <source>noisy state</source>
        <translation>verrauschter Zustand</translation>
    </message>
    <message>
        <source>What the network sees at this evaluation (x_t)</source>
        <translation>Was das Netz bei dieser Auswertung sieht (x_t)</translation>
    </message>
    <message>
        <source>velocity</source>
        <translation>Geschwindigkeit</translation>
    </message>
    <message>
        <source>Where the network wants to go (velocity prediction), grey is zero</source>
        <translation>Wohin das Netz will (Geschwindigkeitsvorhersage); Grau ist null</translation>
    </message>
    <message>
        <source>finished picture</source>
        <translation>fertiges Bild</translation>
    </message>
    <message>
        <source>The result, whatever evaluation is chosen</source>
        <translation>Das Ergebnis, welche Auswertung auch gewählt ist</translation>
    </message>
    <message>
        <source>&amp;Picture</source>
        <translation>B&amp;ild</translation>
    </message>
    <message>
        <source>Picture to show</source>
        <translation>Bild, das gezeigt wird</translation>
    </message>
    <message>
        <source>Which state of the run the canvas shows</source>
        <translation>Welchen Zustand des Laufs die Bildfläche zeigt</translation>
    </message>
    <message>
        <source>main expert</source>
        <translation>Hauptexperte</translation>
    </message>
    <message>
        <source>The expert with the largest gate weight of each token</source>
        <translation>Der Experte mit dem größten Gate-Gewicht jedes Tokens</translation>
    </message>
    <message>
        <source>one expert&apos;s weight</source>
        <translation>Gewicht eines Experten</translation>
    </message>
    <message>
        <source>The gate weight with which the chosen expert took each token</source>
        <translation>Das Gate-Gewicht, mit dem der gewählte Experte jedes Token bearbeitet hat</translation>
    </message>
    <message>
        <source>number of experts</source>
        <translation>Zahl der Experten</translation>
    </message>
    <message>
        <source>How many routed experts took each token</source>
        <translation>Wie viele geroutete Experten jedes Token bearbeitet haben</translation>
    </message>
    <message>
        <source>no map</source>
        <translation>keine Karte</translation>
    </message>
    <message>
        <source>The picture alone</source>
        <translation>Nur das Bild</translation>
    </message>
    <message>
        <source>&amp;Map</source>
        <translation>&amp;Karte</translation>
    </message>
    <message>
        <source>Expert map</source>
        <translation>Expertenkarte</translation>
    </message>
    <message>
        <source>What is drawn over the picture: which expert handled which token (routing)</source>
        <translation>Was über dem Bild liegt: welcher Experte welches Token bearbeitet hat (Routing)</translation>
    </message>
    <message>
        <source>&amp;Layer</source>
        <translation>&amp;Schicht</translation>
    </message>
    <message>
        <source>MoE layer</source>
        <translation>MoE-Schicht</translation>
    </message>
    <message>
        <source>Which mixture-of-experts layer is looked at, with its block in the network</source>
        <translation>Welche MoE-Schicht (Expertenmischung) betrachtet wird, mit ihrem Block im Netz</translation>
    </message>
    <message>
        <source>conditional</source>
        <translation>konditional</translation>
    </message>
    <message>
        <source>Routing of the pass that is given the class</source>
        <translation>Routing des Durchgangs, der die Klasse kennt</translation>
    </message>
    <message>
        <source>unconditional</source>
        <translation>unkonditional</translation>
    </message>
    <message>
        <source>Routing of the pass without the class; run only where guidance needs it</source>
        <translation>Routing des Durchgangs ohne die Klasse; er läuft nur, wo die Guidance ihn braucht</translation>
    </message>
    <message>
        <source>difference</source>
        <translation>Differenz</translation>
    </message>
    <message>
        <source>Frames the tokens whose main expert differs between the two</source>
        <translation>Rahmt die Token ein, deren Hauptexperte in beiden verschieden ist</translation>
    </message>
    <message>
        <source>both together</source>
        <translation>beide zusammen</translation>
    </message>
    <message>
        <source>Charts add the two; the map shows the conditional one</source>
        <translation>Diagramme zählen beide zusammen; die Karte zeigt den konditionalen</translation>
    </message>
    <message>
        <source>&amp;Branch</source>
        <translation>&amp;Zweig</translation>
    </message>
    <message>
        <source>Branch of guidance</source>
        <translation>Zweig der Guidance</translation>
    </message>
    <message>
        <source>Classifier-free guidance runs the network with and without the class</source>
        <translation>Classifier-free Guidance wertet das Netz mit und ohne die Klasse aus</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keiner</translation>
    </message>
    <message>
        <source>&amp;Expert</source>
        <translation>E&amp;xperte</translation>
    </message>
    <message>
        <source>Chosen expert</source>
        <translation>Gewählter Experte</translation>
    </message>
    <message>
        <source>The expert that is outlined on the map and marked in the charts</source>
        <translation>Der Experte, der auf der Karte umrandet und in den Diagrammen markiert ist</translation>
    </message>
    <message>
        <source>Opacity of the map in percent</source>
        <translation>Deckkraft der Karte in Prozent</translation>
    </message>
    <message>
        <source>%1 %</source>
        <translation>%1 %</translation>
    </message>
    <message>
        <source>&amp;Opacity</source>
        <translation>De&amp;ckkraft</translation>
    </message>
    <message>
        <source>Opacity</source>
        <translation>Deckkraft</translation>
    </message>
    <message>
        <source>How much the map covers the picture</source>
        <translation>Wie stark die Karte das Bild verdeckt</translation>
    </message>
    <message>
        <source>&amp;Token grid</source>
        <translation>&amp;Token-Raster</translation>
    </message>
    <message>
        <source>Token grid</source>
        <translation>Token-Raster</translation>
    </message>
    <message>
        <source>Lines between tokens (patches), shown with a map from twice the picture&apos;s size on</source>
        <translation>Linien zwischen den Token (Patches), mit einer Karte ab doppelter Bildgröße zu sehen</translation>
    </message>
    <message>
        <source>tokens</source>
        <translation>Token</translation>
    </message>
    <message>
        <source>How many tokens an expert received</source>
        <translation>Wie viele Token ein Experte erhalten hat</translation>
    </message>
    <message>
        <source>gate mass</source>
        <translation>Gate-Masse</translation>
    </message>
    <message>
        <source>The sum of the gate weights with which an expert received its tokens</source>
        <translation>Die Summe der Gate-Gewichte, mit denen ein Experte seine Token erhalten hat</translation>
    </message>
    <message>
        <source>L&amp;oad in</source>
        <translation>&amp;Last in</translation>
    </message>
    <message>
        <source>Measure of load</source>
        <translation>Maß der Last</translation>
    </message>
    <message>
        <source>What the charts count as the load of an expert</source>
        <translation>Was die Diagramme als Last eines Experten zählen</translation>
    </message>
</context>
<context>
    <name>moescope::OverlayLegend</name>
    <message>
        <source>Legend of the expert map</source>
        <translation>Legende der Expertenkarte</translation>
    </message>
    <message>
        <source>Class tokens (%1), not in the picture</source>
        <translation>Klassentoken (%1), nicht im Bild</translation>
    </message>
    <message>
        <source>Tokens not in the picture (%1)</source>
        <translation>Token außerhalb des Bildes (%1)</translation>
    </message>
    <message>
        <source>Main expert of each token</source>
        <translation>Hauptexperte jedes Tokens</translation>
    </message>
    <message>
        <source>no expert</source>
        <translation>kein Experte</translation>
    </message>
    <message>
        <source>Experts per token</source>
        <translation>Experten je Token</translation>
    </message>
    <message>
        <source>Uncoloured: not taken by it</source>
        <translation>Ohne Farbe: nicht von ihm bearbeitet</translation>
    </message>
    <message>
        <source>Framed: another main expert in the unconditional branch</source>
        <translation>Gerahmt: anderer Hauptexperte im unkonditionalen Zweig</translation>
    </message>
    <message>
        <source>%1 or more</source>
        <translation>%1 oder mehr</translation>
    </message>
    <message>
        <source>Expert %1: click to choose it</source>
        <translation>Experte %1: ein Klick wählt ihn</translation>
    </message>
    <message>
        <source>%1 of %2 experts are in use here</source>
        <translation>%1 von %2 Experten sind hier im Einsatz</translation>
    </message>
    <message>
        <source>Gate weight of expert %1</source>
        <translation>Gate-Gewicht von Experte %1</translation>
    </message>
    <message>
        <source>no expert, only the shared one</source>
        <translation>kein Experte, nur der gemeinsame</translation>
    </message>
    <message>
        <source>Networks of the mixture</source>
        <translation>Netze der Mischung</translation>
    </message>
    <message>
        <source>They are chosen for a whole picture: see the chart of networks for their weights</source>
        <translation>Sie werden für ein ganzes Bild gewählt: ihre Gewichte zeigt das Diagramm der Netze</translation>
    </message>
    <message>
        <source>*: for tokens without condition</source>
        <translation>*: für Token ohne Bedingung</translation>
    </message>
    <message>
        <source>The expert for tokens without condition</source>
        <translation>Der Experte für Token ohne Bedingung</translation>
    </message>
    <message>
        <source>Network “%1”: click to choose it</source>
        <translation>Netz „%1“: ein Klick wählt es</translation>
    </message>
    <message>
        <source>Expert %1, for tokens without condition: click to choose it</source>
        <translation>Experte %1, für Token ohne Bedingung: ein Klick wählt ihn</translation>
    </message>
    <message>
        <source>Tokens of the prompt (%1), not in the picture</source>
        <translation>Token des Prompts (%1), nicht im Bild</translation>
    </message>
</context>
<context>
    <name>moescope::PaletteModel</name>
    <message>
        <source>not available now</source>
        <translation>jetzt nicht verfügbar</translation>
    </message>
</context>
<context>
    <name>moescope::PreferencesDialog</name>
    <message>
        <source>Preferences</source>
        <translation>Voreinstellungen</translation>
    </message>
    <message>
        <source>Window</source>
        <translation>Fenster</translation>
    </message>
    <message>
        <source>as the system has it</source>
        <translation>wie im System</translation>
    </message>
    <message>
        <source>light</source>
        <translation>hell</translation>
    </message>
    <message>
        <source>dark</source>
        <translation>dunkel</translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation>&amp;Design</translation>
    </message>
    <message>
        <source>Colours of the whole window; changes at once</source>
        <translation>Farben des ganzen Fensters; wirkt sofort</translation>
    </message>
    <message>
        <source>&amp;Language</source>
        <translation>&amp;Sprache</translation>
    </message>
    <message>
        <source>Language of the texts, from the next start on</source>
        <translation>Sprache der Texte, ab dem nächsten Start</translation>
    </message>
    <message>
        <source>Computing</source>
        <translation>Rechnen</translation>
    </message>
    <message>
        <source>all cores (%1)</source>
        <translation>alle Kerne (%1)</translation>
    </message>
    <message>
        <source>T&amp;hreads</source>
        <translation>Th&amp;reads</translation>
    </message>
    <message>
        <source>Threads that the engine works with, from the next start on; 0: one per core. The pictures do not depend on it.</source>
        <translation>Threads, mit denen die Engine rechnet, ab dem nächsten Start; 0: einer je Kern. Die Bilder hängen nicht davon ab.</translation>
    </message>
    <message>
        <source>f32, exact</source>
        <translation>f32, exakt</translation>
    </message>
    <message>
        <source>bf16, half the memory</source>
        <translation>bf16, halber Speicher</translation>
    </message>
    <message>
        <source>Keep &amp;weights as</source>
        <translation>Ge&amp;wichte behalten als</translation>
    </message>
    <message>
        <source>How weights are kept in memory (dtype) for models opened from now on; arithmetic is f32 in both</source>
        <translation>Wie die Gewichte ab jetzt geöffneter Modelle im Speicher liegen (dtype); gerechnet wird immer in f32</translation>
    </message>
    <message>
        <source>numbers of tokens only</source>
        <translation>nur Token-Anzahlen</translation>
    </message>
    <message>
        <source>who handled what</source>
        <translation>wer was bearbeitet hat</translation>
    </message>
    <message>
        <source>and router scores</source>
        <translation>und Router-Werte</translation>
    </message>
    <message>
        <source>and strengths (norms)</source>
        <translation>und Stärken (Normen)</translation>
    </message>
    <message>
        <source>&amp;Record</source>
        <translation>&amp;Aufzeichnen</translation>
    </message>
    <message>
        <source>What new settings record of the routing (capture level). The maps over the picture need “who handled what”.</source>
        <translation>Was neue Einstellungen vom Routing aufzeichnen (Aufzeichnungsstufe). Die Karten über dem Bild brauchen „wer was bearbeitet hat“.</translation>
    </message>
    <message>
        <source>History</source>
        <translation>Verlauf</translation>
    </message>
    <message>
        <source> GB</source>
        <comment>unit after a number</comment>
        <translation> GB</translation>
    </message>
    <message>
        <source>Keep at &amp;most</source>
        <translation>Höchs&amp;tens behalten</translation>
    </message>
    <message>
        <source>When the runs in History take more, you are asked before the oldest are removed; runs with a star stay</source>
        <translation>Belegen die Läufe im Verlauf mehr, kommt eine Frage, bevor die ältesten entfernt werden; Läufe mit Stern bleiben</translation>
    </message>
    <message>
        <source>Show the folder: %1</source>
        <translation>Ordner zeigen: %1</translation>
    </message>
    <message>
        <source>Show the History folder</source>
        <translation>Verlaufsordner zeigen</translation>
    </message>
    <message>
        <source>In use</source>
        <translation>Belegt</translation>
    </message>
    <message>
        <source>Pictures</source>
        <translation>Bilder</translation>
    </message>
    <message>
        <source>Choose the folder</source>
        <translation>Ordner wählen</translation>
    </message>
    <message>
        <source>Choose the folder for pictures</source>
        <translation>Ordner für Bilder wählen</translation>
    </message>
    <message>
        <source>&amp;Save in</source>
        <translation>Speichern &amp;in</translation>
    </message>
    <message>
        <source>Folder that is offered when a picture is saved; empty: the one that stands there in grey</source>
        <translation>Ordner, der beim Speichern eines Bildes vorgeschlagen wird; leer: der grau angezeigte</translation>
    </message>
    <message>
        <source>Pictures &amp;carry the settings that made them</source>
        <translation>Bilder enthalten ihre &amp;Einstellungen</translation>
    </message>
    <message>
        <source>Saved PNG files hold prompt, seed and all settings (metadata), so that dropping one on the window restores them</source>
        <translation>Gespeicherte PNG-Dateien enthalten Prompt, Seed und alle Einstellungen (Metadaten); auf das Fenster gezogen stellen sie sie wieder her</translation>
    </message>
    <message>
        <source>Restore &amp;Defaults</source>
        <translation>Standard wieder&amp;herstellen</translation>
    </message>
    <message>
        <source>Set everything on this page back to what it is after installation</source>
        <translation>Alles auf dieser Seite so einstellen wie nach der Installation</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Language and threads change when MoEscope is started next.</source>
        <translation>Sprache und Threads ändern sich beim nächsten Start von MoEscope.</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 von %2</translation>
    </message>
    <message>
        <source>Folder for pictures</source>
        <translation>Ordner für Bilder</translation>
    </message>
</context>
<context>
    <name>moescope::PromptBar</name>
    <message>
        <source>&amp;Generate</source>
        <translation>&amp;Erzeugen</translation>
    </message>
    <message>
        <source>Generate &amp;Before Waiting Jobs</source>
        <translation>&amp;Vor wartenden Aufträgen erzeugen</translation>
    </message>
    <message>
        <source>&amp;Cancel Run</source>
        <translation>Lauf &amp;abbrechen</translation>
    </message>
    <message>
        <source>Go to &amp;Prompt</source>
        <translation>Zum &amp;Prompt</translation>
    </message>
    <message>
        <source>Choose C&amp;lass...</source>
        <translation>K&amp;lasse wählen...</translation>
    </message>
    <message>
        <source>Prompt</source>
        <translation>Prompt</translation>
    </message>
    <message>
        <source>What to draw, in words. The class that fits them best is drawn (class-conditional model); Alt+Up and Alt+Down bring back earlier prompts.</source>
        <translation>Was gemalt werden soll, in Worten. Gemalt wird die Klasse, die am besten passt (klassenkonditionales Modell); Alt+Hoch und Alt+Herunter holen frühere Prompts zurück.</translation>
    </message>
    <message>
        <source>Choose a class</source>
        <translation>Klasse wählen</translation>
    </message>
    <message>
        <source>Choose a class from the list of all</source>
        <translation>Eine Klasse aus der ganzen Liste wählen</translation>
    </message>
    <message>
        <source>Away from</source>
        <translation>Weg von</translation>
    </message>
    <message>
        <source>no class</source>
        <translation>keine Klasse</translation>
    </message>
    <message>
        <source>Negative prompt: words or a number of the class that guidance leads away from. Empty: the null class, as in training.</source>
        <translation>Negativer Prompt: Wörter oder Nummer der Klasse, von der die Guidance wegführt. Leer: die Nullklasse, wie im Training.</translation>
    </message>
    <message>
        <source>Generate</source>
        <translation>Erzeugen</translation>
    </message>
    <message>
        <source>Make the pictures (Ctrl+Enter); Ctrl+Shift+Enter puts the job before those that wait</source>
        <translation>Die Bilder erzeugen (Strg+Eingabe); Strg+Umschalt+Eingabe stellt den Auftrag vor die wartenden</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Stop the run (Esc); pictures that are finished are kept</source>
        <translation>Den Lauf abbrechen (Esc); fertige Bilder bleiben</translation>
    </message>
    <message>
        <source>Class that is drawn</source>
        <translation>Klasse, die gemalt wird</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Seed</translation>
    </message>
    <message>
        <source>Next in the queue: %1</source>
        <translation>Als Nächstes in der Warteschlange: %1</translation>
    </message>
    <message>
        <source>Added to the queue: %1</source>
        <translation>In die Warteschlange gestellt: %1</translation>
    </message>
    <message>
        <source>Open a model first: its classes are listed then.</source>
        <translation>Zuerst ein Modell öffnen: dann stehen hier seine Klassen.</translation>
    </message>
    <message>
        <source>Say what to draw, for example: %1</source>
        <translation>Was soll gemalt werden? Zum Beispiel: %1</translation>
    </message>
    <message>
        <source>Type a class number from 0 to %1</source>
        <translation>Klassennummer von 0 bis %1 eintippen</translation>
    </message>
    <message>
        <source>Open a model first</source>
        <translation>Zuerst ein Modell öffnen</translation>
    </message>
    <message>
        <source>Away from: %1</source>
        <translation>Weg von: %1</translation>
    </message>
    <message>
        <source>away from class %1</source>
        <translation>weg von Klasse %1</translation>
    </message>
    <message>
        <source>away from class %1 “%2”</source>
        <translation>weg von Klasse %1 „%2“</translation>
    </message>
    <message>
        <source>Or: </source>
        <translation>Oder: </translation>
    </message>
    <message>
        <source>What to draw, in words. This model reads them itself; Alt+Up and Alt+Down bring back earlier prompts.</source>
        <translation>Was zu zeichnen ist, in Worten. Dieses Modell liest sie selbst; Alt+Auf und Alt+Ab holen frühere Prompts zurück.</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>nichts</translation>
    </message>
    <message>
        <source>Negative prompt: words that guidance leads away from. Empty: no prompt, as in training.</source>
        <translation>Negativer Prompt: Worte, von denen die Guidance wegführt. Leer: kein Prompt, wie im Training.</translation>
    </message>
    <message>
        <source>How the prompt is read</source>
        <translation>Wie der Prompt gelesen wird</translation>
    </message>
    <message>
        <source>Say what to draw, in a few words</source>
        <translation>In wenigen Worten sagen, was zu zeichnen ist</translation>
    </message>
    <message>
        <source>away from “%1”</source>
        <translation>weg von „%1“</translation>
    </message>
</context>
<context>
    <name>moescope::QueueDock</name>
    <message>
        <source>Nothing is being made. Say what to draw and press Ctrl+Enter.</source>
        <translation>Gerade wird nichts erzeugt. Eintippen, was gemalt werden soll, und Strg+Eingabe drücken.</translation>
    </message>
    <message>
        <source>Queue</source>
        <translation>Warteschlange</translation>
    </message>
    <message>
        <source>Jobs</source>
        <translation>Aufträge</translation>
    </message>
    <message>
        <source>The job that runs and those that wait; drag a waiting job to another place</source>
        <translation>Der laufende Auftrag und die wartenden; wartende lassen sich an einen anderen Platz ziehen</translation>
    </message>
    <message>
        <source>Earlier</source>
        <translation>Früher</translation>
    </message>
    <message>
        <source>Make this job earlier (Alt+Up)</source>
        <translation>Diesen Auftrag vorziehen (Alt+Hoch)</translation>
    </message>
    <message>
        <source>Later</source>
        <translation>Später</translation>
    </message>
    <message>
        <source>Make this job later (Alt+Down)</source>
        <translation>Diesen Auftrag zurückstellen (Alt+Herunter)</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Take this job out of the queue, or cancel it when it runs (Del)</source>
        <translation>Diesen Auftrag aus der Warteschlange nehmen oder, wenn er läuft, abbrechen (Entf)</translation>
    </message>
    <message>
        <source>Clear Queue</source>
        <translation>Warteschlange leeren</translation>
    </message>
    <message>
        <source>Take all waiting jobs out of the queue (Ctrl+Shift+X)</source>
        <translation>Alle wartenden Aufträge aus der Warteschlange nehmen (Strg+Umschalt+X)</translation>
    </message>
</context>
<context>
    <name>moescope::QueueModel</name>
    <message>
        <source>next</source>
        <translation>als Nächstes</translation>
    </message>
    <message>
        <source>number %1 in line</source>
        <translation>Platz %1</translation>
    </message>
    <message>
        <source>starting</source>
        <translation>beginnt</translation>
    </message>
    <message>
        <source>evaluation %1 of %2</source>
        <translation>Auswertung %1 von %2</translation>
    </message>
    <message>
        <source>, %1 each</source>
        <translation>, je %1</translation>
    </message>
    <message>
        <source>, %1 left</source>
        <translation>, noch %1</translation>
    </message>
</context>
<context>
    <name>moescope::SampleBrowser</name>
    <message>
        <source>Step of the samples</source>
        <translation>Schritt der Proben</translation>
    </message>
    <message>
        <source>Through the samples of the run. Noise and conditions are the same in all of them, so that only the training differs.</source>
        <translation>Durch die Proben des Laufs. Rauschen und Bedingungen sind in allen gleich, sodass sich nur das Training unterscheidet.</translation>
    </message>
    <message>
        <source>Samples</source>
        <translation>Proben</translation>
    </message>
    <message>
        <source>Samples appear here while a run goes on: pictures from the same noise, so that they can be compared from step to step.</source>
        <translation>Hier erscheinen Proben, während ein Lauf im Gange ist: Bilder aus demselben Rauschen, sodass sie sich von Schritt zu Schritt vergleichen lassen.</translation>
    </message>
    <message>
        <source>Samples after step %1</source>
        <translation>Proben nach Schritt %1</translation>
    </message>
</context>
<context>
    <name>moescope::SeedField</name>
    <message>
        <source>Seed</source>
        <translation>Seed</translation>
    </message>
    <message>
        <source>Seed of the random noise that the first picture starts from; the next pictures use the numbers after it. The same seed and settings give the same picture.</source>
        <translation>Seed des zufälligen Rauschens, mit dem das erste Bild beginnt; die weiteren Bilder nehmen die Zahlen danach. Gleicher Seed und gleiche Einstellungen ergeben das gleiche Bild.</translation>
    </message>
    <message>
        <source>Draw a new seed</source>
        <translation>Neuen Seed ziehen</translation>
    </message>
    <message>
        <source>Keep the seed</source>
        <translation>Seed behalten</translation>
    </message>
    <message>
        <source>The seed is kept for the next job. Click to draw a new one for every job.</source>
        <translation>Der Seed bleibt für den nächsten Auftrag. Ein Klick, und jeder Auftrag zieht einen neuen.</translation>
    </message>
    <message>
        <source>Every job draws a new seed. Click to keep this one.</source>
        <translation>Jeder Auftrag zieht einen neuen Seed. Ein Klick, und dieser bleibt.</translation>
    </message>
</context>
<context>
    <name>moescope::SettingsDock</name>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Heun</source>
        <translation>Heun</translation>
    </message>
    <message>
        <source>Euler</source>
        <translation>Euler</translation>
    </message>
    <message>
        <source>Guidance from</source>
        <translation>Guidance von</translation>
    </message>
    <message>
        <source>Guidance to</source>
        <translation>Guidance bis</translation>
    </message>
    <message>
        <source>Part of the run in which guidance acts</source>
        <translation>Teil des Laufs, in dem die Guidance wirkt</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>Schritte</translation>
    </message>
    <message>
        <source>Sampling steps from noise to picture (num_sampling_steps). More steps take longer and follow the model more closely.</source>
        <translation>Schritte vom Rauschen zum Bild (num_sampling_steps). Mehr Schritte dauern länger und folgen dem Modell genauer.</translation>
    </message>
    <message>
        <source>Sampler</source>
        <translation>Sampler</translation>
    </message>
    <message>
        <source>Guidance</source>
        <translation>Guidance</translation>
    </message>
    <message>
        <source>How strongly the class is followed (classifier-free guidance scale). 1: not at all beyond what was learned.</source>
        <translation>Wie stark der Klasse gefolgt wird (Skala der Classifier-free Guidance). 1: nicht stärker als gelernt.</translation>
    </message>
    <message>
        <source>to</source>
        <translation>bis</translation>
    </message>
    <message>
        <source>Part of the run in which guidance acts (CFG interval): 0 is the noise at the start, 1 the finished picture. Drag the ends of the bar or type the numbers.</source>
        <translation>Teil des Laufs, in dem die Guidance wirkt (CFG-Intervall): 0 ist das Rauschen am Anfang, 1 das fertige Bild. Die Enden des Balkens ziehen oder die Zahlen eintippen.</translation>
    </message>
    <message>
        <source>from</source>
        <translation>von</translation>
    </message>
    <message>
        <source>Pictures</source>
        <translation>Bilder</translation>
    </message>
    <message>
        <source>How many pictures a job makes (batch size); each has its own seed, counted up from the first.</source>
        <translation>Wie viele Bilder ein Auftrag erzeugt (Batch-Größe); jedes hat seinen eigenen Seed, vom ersten an weitergezählt.</translation>
    </message>
    <message>
        <source>Noise strength</source>
        <translation>Rauschstärke</translation>
    </message>
    <message>
        <source>Strength of the noise at the start (noise scale).</source>
        <translation>Stärke des Rauschens am Anfang (noise scale).</translation>
    </message>
    <message>
        <source>Advanced</source>
        <translation>Erweitert</translation>
    </message>
    <message>
        <source>Random numbers, what is recorded of the routing, memory</source>
        <translation>Zufallszahlen, Aufzeichnung des Routings, Speicher</translation>
    </message>
    <message>
        <source>What is wrong with the settings</source>
        <translation>Was an den Einstellungen nicht stimmt</translation>
    </message>
    <message>
        <source>Model&apos;s Own Settings</source>
        <translation>Vorgaben des Modells</translation>
    </message>
    <message>
        <source>Back to what the model was published with; labels in bold differ from that. The prompt and the seed stay.</source>
        <translation>Zurück zu dem, womit das Modell veröffentlicht wurde; fett gedruckte Namen weichen davon ab. Prompt und Seed bleiben.</translation>
    </message>
    <message>
        <source>torch on the CPU</source>
        <translation>torch auf der CPU</translation>
    </message>
    <message>
        <source>torch on CUDA</source>
        <translation>torch auf CUDA</translation>
    </message>
    <message>
        <source>from a file...</source>
        <translation>aus einer Datei...</translation>
    </message>
    <message>
        <source>each as if alone</source>
        <translation>jedes wie allein</translation>
    </message>
    <message>
        <source>one draw for all</source>
        <translation>eine Ziehung für alle</translation>
    </message>
    <message>
        <source>numbers of tokens only</source>
        <translation>nur Token-Anzahlen</translation>
    </message>
    <message>
        <source>who handled what</source>
        <translation>wer was bearbeitet hat</translation>
    </message>
    <message>
        <source>and router scores</source>
        <translation>und Router-Werte</translation>
    </message>
    <message>
        <source>and strengths (norms)</source>
        <translation>und Stärken (Normen)</translation>
    </message>
    <message>
        <source>Random numbers</source>
        <translation>Zufallszahlen</translation>
    </message>
    <message>
        <source>Noise as torch.randn draws it (rng), so that runs compare with Python picture by picture. On the CPU only the low 32 bits of a seed count.</source>
        <translation>Rauschen, wie torch.randn es zieht (rng), damit sich Läufe Bild für Bild mit Python vergleichen lassen. Auf der CPU zählen nur die unteren 32 Bit eines Seeds.</translation>
    </message>
    <message>
        <source>Noise of a batch</source>
        <translation>Rauschen der Serie</translation>
    </message>
    <message>
        <source>Each picture&apos;s noise from its own seed, so that it equals the picture made alone; or one draw for the whole batch, as many scripts do.</source>
        <translation>Das Rauschen jedes Bildes aus seinem eigenen Seed, sodass es dem allein erzeugten Bild gleicht; oder eine Ziehung für die ganze Serie (Batch), wie viele Skripte es tun.</translation>
    </message>
    <message>
        <source>Record</source>
        <translation>Aufzeichnen</translation>
    </message>
    <message>
        <source>What is kept of the routing (capture level). The maps over the picture need “who handled what”.</source>
        <translation>Was vom Routing behalten wird (Aufzeichnungsstufe). Die Karten über dem Bild brauchen „wer was bearbeitet hat“.</translation>
    </message>
    <message>
        <source>Noise floor</source>
        <translation>Rauschgrenze</translation>
    </message>
    <message>
        <source>t_eps: the smallest share of noise that a prediction of the clean picture is divided by.</source>
        <translation>t_eps: der kleinste Rauschanteil, durch den eine Vorhersage des sauberen Bildes geteilt wird.</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>What a run keeps besides the weights of the model</source>
        <translation>Was ein Lauf außer den Gewichten des Modells im Speicher behält</translation>
    </message>
    <message>
        <source>Noise to start from</source>
        <translation>Rauschen für den Anfang</translation>
    </message>
    <message>
        <source>Noise (*.npy *.safetensors)</source>
        <translation>Rauschen (*.npy *.safetensors)</translation>
    </message>
    <message>
        <source>file %1</source>
        <translation>Datei %1</translation>
    </message>
    <message>
        <source>1 evaluation per picture</source>
        <translation>1 Auswertung je Bild</translation>
    </message>
    <message>
        <source>%1 evaluations per picture</source>
        <translation>%1 Auswertungen je Bild</translation>
    </message>
    <message>
        <source>open a model first</source>
        <translation>zuerst ein Modell öffnen</translation>
    </message>
    <message>
        <source>%1 for the run, %2 are free</source>
        <translation>%1 für den Lauf, %2 sind frei</translation>
    </message>
    <message>
        <source>The run would keep %1 and %2 are free: make fewer pictures or steps, or record only numbers of tokens (Advanced).</source>
        <translation>Der Lauf würde %1 belegen, frei sind %2: weniger Bilder oder Schritte nehmen oder nur Token-Anzahlen aufzeichnen (Erweitert).</translation>
    </message>
    <message>
        <source>DDPM</source>
        <translation>DDPM</translation>
    </message>
    <message>
        <source>DDIM</source>
        <translation>DDIM</translation>
    </message>
    <message>
        <source>Flows: Heun evaluates the network twice per step and is more exact, Euler once. Discrete diffusions: DDPM adds fresh noise in every step, DDIM as much as chosen. (Sampler, ODE solver.)</source>
        <translation>Flows: Heun wertet das Netz zweimal je Schritt aus und ist genauer, Euler einmal. Diskrete Diffusionen: DDPM fügt in jedem Schritt frisches Rauschen hinzu, DDIM so viel wie gewählt. (Sampler, ODE-Löser.)</translation>
    </message>
    <message>
        <source>evenly</source>
        <translation>gleichmäßig</translation>
    </message>
    <message>
        <source>Timesteps</source>
        <translation>Zeitschritte</translation>
    </message>
    <message>
        <source>Which of the 1000 timesteps of training the run visits (timestep respacing): empty for as many as there are steps, evenly; 10,15,20 for counts of equal sections; ddim50 for a fixed stride.</source>
        <translation>Welche der 1000 Zeitschritte des Trainings der Lauf besucht (timestep respacing): leer für so viele, wie es Schritte sind, gleichmäßig; 10,15,20 für Anzahlen in gleich großen Abschnitten; ddim50 für einen festen Abstand.</translation>
    </message>
    <message>
        <source>Fresh noise</source>
        <translation>Frisches Rauschen</translation>
    </message>
    <message>
        <source>Noise that each DDIM step adds (eta): 0 none, 1 as much as DDPM.</source>
        <translation>Rauschen, das jeder DDIM-Schritt hinzufügt (eta): 0 keines, 1 so viel wie DDPM.</translation>
    </message>
    <message>
        <source>Shift</source>
        <translation>Verschiebung</translation>
    </message>
    <message>
        <source>Above 1 the run spends more of its steps where there is much noise (timestep shift); 1: none.</source>
        <translation>Über 1 verwendet der Lauf mehr seiner Schritte dort, wo viel Rauschen ist (timestep shift); 1: keine Verschiebung.</translation>
    </message>
    <message>
        <source>the whole batch</source>
        <translation>die ganze Serie</translation>
    </message>
    <message>
        <source>each picture</source>
        <translation>jedes Bild</translation>
    </message>
    <message>
        <source>Experts choose in</source>
        <translation>Experten wählen in</translation>
    </message>
    <message>
        <source>Which tokens compete for an expert of this model: those of all pictures of a batch, as it was trained, or of each picture by itself (routing pool). The run records it.</source>
        <translation>Welche Token um einen Experten dieses Modells konkurrieren: die aller Bilder einer Serie, wie im Training, oder die jedes Bildes für sich (Routing-Topf). Der Lauf hält es fest.</translation>
    </message>
    <message>
        <source>Pictures of a batch influence each other: the same seed alone gives another picture.</source>
        <translation>Bilder einer Serie beeinflussen einander: derselbe Seed ergibt allein ein anderes Bild.</translation>
    </message>
</context>
<context>
    <name>moescope::TimelineDock</name>
    <message>
        <source>First evaluation</source>
        <translation>Erste Auswertung</translation>
    </message>
    <message>
        <source>Shows the first evaluation: noise only (Home)</source>
        <translation>Zeigt die erste Auswertung: nur Rauschen (Pos1)</translation>
    </message>
    <message>
        <source>Play</source>
        <translation>Abspielen</translation>
    </message>
    <message>
        <source>Plays the evaluations from noise to picture (Space)</source>
        <translation>Spielt die Auswertungen vom Rauschen zum Bild ab (Leertaste)</translation>
    </message>
    <message>
        <source>Last evaluation</source>
        <translation>Letzte Auswertung</translation>
    </message>
    <message>
        <source>Shows the newest evaluation (End)</source>
        <translation>Zeigt die neueste Auswertung (Ende)</translation>
    </message>
    <message>
        <source>Evaluation that is shown</source>
        <translation>Gezeigte Auswertung</translation>
    </message>
    <message>
        <source>An evaluation is one pass of the network (NFE). Heun makes two in a step; noise is the share of noise in what the network sees; guidance is the scale of classifier-free guidance (CFG).</source>
        <translation>Eine Auswertung ist ein Durchgang durch das Netz (NFE). Heun macht zwei je Schritt; Rauschen ist der Rauschanteil dessen, was das Netz sieht; Guidance ist die Skala der Classifier-free Guidance (CFG).</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>Anhalten</translation>
    </message>
    <message>
        <source>waiting for evaluation 1 of %1</source>
        <translation>Auswertung 1 von %1 steht noch aus</translation>
    </message>
</context>
<context>
    <name>moescope::TrainCharts</name>
    <message>
        <source>Loss</source>
        <translation>Loss</translation>
    </message>
    <message>
        <source>Loss on pictures kept aside</source>
        <translation>Loss auf zurückgelegten Bildern</translation>
    </message>
    <message>
        <source>Gradient norm</source>
        <translation>Gradientennorm</translation>
    </message>
    <message>
        <source>Learning rate</source>
        <translation>Lernrate</translation>
    </message>
    <message>
        <source>Balance of each layer</source>
        <translation>Balance jeder Schicht</translation>
    </message>
    <message>
        <source>Balance by noise level</source>
        <translation>Balance nach Rauschanteil</translation>
    </message>
    <message>
        <source>Experts without any work</source>
        <translation>Experten ohne jede Arbeit</translation>
    </message>
    <message>
        <source>What the run minimises, how strong its pulls are, and how large its steps</source>
        <translation>Was der Lauf verkleinert, wie stark er zieht und wie groß seine Schritte sind</translation>
    </message>
    <message>
        <source>How far the busiest expert is above the mean, and how many got nothing at all (balance: max load / mean - 1)</source>
        <translation>Wie weit der meistbeschäftigte Experte über dem Mittel liegt und wie viele gar nichts bekamen (Balance: größte Last / Mittel - 1)</translation>
    </message>
    <message>
        <source>Load of each expert</source>
        <translation>Last jedes Experten</translation>
    </message>
    <message>
        <source>How many tokens each expert of a layer got, as a multiple of the mean (load)</source>
        <translation>Wie viele Token jeder Experte einer Schicht bekam, als Vielfaches des Mittels (Last)</translation>
    </message>
    <message>
        <source>MoE layer of the charts below</source>
        <translation>MoE-Schicht der Diagramme darunter</translation>
    </message>
    <message>
        <source>The layer that the load and the balance by noise level are shown of; its line is the thick one</source>
        <translation>Die Schicht, deren Last und Balance nach Rauschanteil zu sehen sind; ihre Linie ist die dicke</translation>
    </message>
    <message>
        <source>&amp;Layer</source>
        <translation>Sch&amp;icht</translation>
    </message>
</context>
<context>
    <name>moescope::TrainSetup</name>
    <message>
        <source>Recipe</source>
        <translation>Rezept</translation>
    </message>
    <message>
        <source>What is trained and how, in YAML. What is not written has its default; a mistake is shown at its line while you type.</source>
        <translation>Was trainiert wird und wie, in YAML. Was nicht dasteht, hat seinen Vorgabewert; ein Fehler zeigt sich beim Tippen an seiner Zeile.</translation>
    </message>
    <message>
        <source>Choose a recipe above, or write one here.</source>
        <translation>Oben ein Rezept wählen oder hier eines schreiben.</translation>
    </message>
    <message>
        <source>What the run will need</source>
        <translation>Was der Lauf brauchen wird</translation>
    </message>
    <message>
        <source>Recipes that come with the program</source>
        <translation>Mitgelieferte Rezepte</translation>
    </message>
    <message>
        <source>Recipes that come with the program. Choosing one puts its text below, where it can be changed.</source>
        <translation>Mitgelieferte Rezepte. Der Text des gewählten steht darunter und lässt sich ändern.</translation>
    </message>
    <message>
        <source>Choose a recipe</source>
        <translation>Rezept wählen</translation>
    </message>
    <message>
        <source>Open a recipe from a file</source>
        <translation>Ein Rezept aus einer Datei öffnen</translation>
    </message>
    <message>
        <source>Save this recipe as a file</source>
        <translation>Dieses Rezept als Datei speichern</translation>
    </message>
    <message>
        <source>How training works</source>
        <translation>Wie Training geht</translation>
    </message>
    <message>
        <source>&amp;Pictures</source>
        <translation>Bil&amp;der</translation>
    </message>
    <message>
        <source>Folder of pictures to learn from: one folder per class, or captions beside the pictures, or tar shards. Empty: as the recipe says.</source>
        <translation>Ordner mit Bildern zum Lernen: ein Ordner je Klasse, Bildtexte neben den Bildern oder tar-Dateien. Leer: wie im Rezept.</translation>
    </message>
    <message>
        <source>Folder of pictures</source>
        <translation>Ordner mit Bildern</translation>
    </message>
    <message>
        <source>as the recipe says</source>
        <translation>wie im Rezept</translation>
    </message>
    <message>
        <source>&amp;Run folder</source>
        <translation>&amp;Laufordner</translation>
    </message>
    <message>
        <source>Where the run keeps its recipe, numbers, samples, states and weights. With an earlier run in it, that run is shown and can go on.</source>
        <translation>Wo der Lauf sein Rezept, Zahlen, Proben, Zustände und Gewichte ablegt. Liegt ein früherer Lauf darin, wird er gezeigt und kann weitergehen.</translation>
    </message>
    <message>
        <source>Folder of the run</source>
        <translation>Ordner des Laufs</translation>
    </message>
    <message>
        <source>one per core (%1)</source>
        <translation>einer je Kern (%1)</translation>
    </message>
    <message>
        <source>Threads that the run computes with. Fewer leave more of the machine to other work.</source>
        <translation>Threads, mit denen der Lauf rechnet. Weniger lassen anderer Arbeit mehr vom Rechner.</translation>
    </message>
    <message>
        <source>&amp;Threads</source>
        <translation>Thr&amp;eads</translation>
    </message>
    <message>
        <source>&amp;Start</source>
        <translation>&amp;Start</translation>
    </message>
    <message>
        <source>Begin the run, or go on where it was ended</source>
        <translation>Den Lauf beginnen oder fortsetzen, wo er endete</translation>
    </message>
    <message>
        <source>Stop and &amp;keep</source>
        <translation>Anhalten und be&amp;halten</translation>
    </message>
    <message>
        <source>Ends the run after the step in progress. Its state and weights are kept: it can go on later exactly where it stopped.</source>
        <translation>Beendet den Lauf nach dem laufenden Schritt. Zustand und Gewichte bleiben: Er kann später genau dort weitergehen.</translation>
    </message>
    <message>
        <source>Save &amp;now</source>
        <translation>&amp;Jetzt speichern</translation>
    </message>
    <message>
        <source>Writes the state of the run, from which it can go on after anything that may happen</source>
        <translation>Schreibt den Zustand des Laufs, von dem aus er weitergehen kann, was auch geschieht</translation>
    </message>
    <message>
        <source>&amp;Open a run…</source>
        <translation>Lauf ö&amp;ffnen…</translation>
    </message>
    <message>
        <source>Look at an earlier run, or go on with it</source>
        <translation>Einen früheren Lauf ansehen oder fortsetzen</translation>
    </message>
    <message>
        <source>&amp;Resume</source>
        <translation>&amp;Weiter</translation>
    </message>
    <message>
        <source>&amp;Pause</source>
        <translation>&amp;Pause</translation>
    </message>
    <message>
        <source>Go on with the next step</source>
        <translation>Mit dem nächsten Schritt weitermachen</translation>
    </message>
    <message>
        <source>Wait after the step in progress; nothing is lost and the processor is free</source>
        <translation>Nach dem laufenden Schritt warten; nichts geht verloren und der Prozessor ist frei</translation>
    </message>
    <message>
        <source>Saving …</source>
        <translation>Speichern …</translation>
    </message>
    <message>
        <source>&amp;Go on after step %1</source>
        <translation>Nach Schritt %1 wei&amp;ter</translation>
    </message>
    <message>
        <source>Open a recipe</source>
        <translation>Rezept öffnen</translation>
    </message>
    <message>
        <source>Recipes (*.yaml *.yml);;All files (*)</source>
        <translation>Rezepte (*.yaml *.yml);;Alle Dateien (*)</translation>
    </message>
    <message>
        <source>&apos;%1&apos; could not be read (%2); choose another file</source>
        <translation>„%1“ konnte nicht gelesen werden (%2); eine andere Datei wählen</translation>
    </message>
    <message>
        <source>Save the recipe</source>
        <translation>Rezept speichern</translation>
    </message>
    <message>
        <source>Recipes (*.yaml)</source>
        <translation>Rezepte (*.yaml)</translation>
    </message>
    <message>
        <source>Wrote %1.</source>
        <translation>%1 geschrieben.</translation>
    </message>
    <message>
        <source>&lt;a href=&quot;line&quot;&gt;Line %1&lt;/a&gt;: %2</source>
        <translation>&lt;a href=&quot;line&quot;&gt;Zeile %1&lt;/a&gt;: %2</translation>
    </message>
    <message>
        <source>Choose a recipe, a folder of pictures and a folder for the run, then press Start.</source>
        <translation>Ein Rezept, einen Ordner mit Bildern und einen Ordner für den Lauf wählen, dann Start drücken.</translation>
    </message>
    <message>
        <source>The recipe has a mistake; what the run needs is said when it is mended.</source>
        <translation>Das Rezept hat einen Fehler; was der Lauf braucht, steht hier, sobald er behoben ist.</translation>
    </message>
    <message>
        <source>Choose the folder of pictures to learn from.</source>
        <translation>Den Ordner mit den Bildern zum Lernen wählen.</translation>
    </message>
    <message>
        <source>Looking at the pictures …</source>
        <translation>Die Bilder werden angesehen …</translation>
    </message>
    <message>
        <source>%1, %2 parameters, %3 of them at work for each token.</source>
        <translation>%1, %2 Parameter, %3 davon arbeiten für jedes Token.</translation>
    </message>
    <message>
        <source>%1 pictures of %2 classes</source>
        <translation>%1 Bilder aus %2 Klassen</translation>
    </message>
    <message>
        <source>%1 pictures</source>
        <translation>%1 Bilder</translation>
    </message>
    <message>
        <source>, %1 more kept aside</source>
        <translation>, %1 weitere zurückgelegt</translation>
    </message>
    <message>
        <source>%1 steps of %2 pictures.</source>
        <translation>%1 Schritte zu je %2 Bildern.</translation>
    </message>
    <message>
        <source>Needs %1 GB of memory, %2 GB are free.</source>
        <translation>Braucht %1 GB Speicher, %2 GB sind frei.</translation>
    </message>
    <message>
        <source>Needs %1 GB of memory.</source>
        <translation>Braucht %1 GB Speicher.</translation>
    </message>
</context>
<context>
    <name>moescope::TrainWorkspace</name>
    <message>
        <source>Progress of the training</source>
        <translation>Fortschritt des Trainings</translation>
    </message>
    <message>
        <source>&amp;Generate from the current average</source>
        <translation>Mit dem jetzigen Mittel &amp;erzeugen</translation>
    </message>
    <message>
        <source>The recipe was not read or written</source>
        <translation>Das Rezept wurde nicht gelesen oder geschrieben</translation>
    </message>
    <message>
        <source>The chart was not written</source>
        <translation>Das Diagramm wurde nicht geschrieben</translation>
    </message>
    <message>
        <source>Saved the state after step %1.</source>
        <translation>Zustand nach Schritt %1 gespeichert.</translation>
    </message>
    <message>
        <source>The run was not saved</source>
        <translation>Der Lauf wurde nicht gespeichert</translation>
    </message>
    <message>
        <source>Finished after step %1, mean loss %2. The weights are in the run folder.</source>
        <translation>Fertig nach Schritt %1, mittlerer Loss %2. Die Gewichte liegen im Laufordner.</translation>
    </message>
    <message>
        <source>Stopped and kept after step %1, mean loss %2. It can go on from there.</source>
        <translation>Nach Schritt %1 angehalten und behalten, mittlerer Loss %2. Es kann von dort weitergehen.</translation>
    </message>
    <message>
        <source>The training broke off</source>
        <translation>Das Training brach ab</translation>
    </message>
    <message>
        <source>Choose a recipe first, or write one.</source>
        <translation>Erst ein Rezept wählen oder schreiben.</translation>
    </message>
    <message>
        <source>The recipe has a mistake; mend it and press Start again.</source>
        <translation>Das Rezept hat einen Fehler; ihn beheben und noch einmal Start drücken.</translation>
    </message>
    <message>
        <source>Choose the folder of pictures to learn from, then press Start again.</source>
        <translation>Den Ordner mit den Bildern zum Lernen wählen, dann noch einmal Start drücken.</translation>
    </message>
    <message>
        <source>The run in this folder is finished: it has done %1 of %2 steps. Write more &apos;steps&apos; into the recipe, or choose another run folder.</source>
        <translation>Der Lauf in diesem Ordner ist fertig: %1 von %2 Schritten sind getan. Mehr „steps“ ins Rezept schreiben oder einen anderen Laufordner wählen.</translation>
    </message>
    <message>
        <source>Another recipe</source>
        <translation>Ein anderes Rezept</translation>
    </message>
    <message>
        <source>The run in this folder was begun with a recipe that differs from the one on the left. Go on with the changed recipe?</source>
        <translation>Der Lauf in diesem Ordner wurde mit einem anderen Rezept begonnen als dem links. Mit dem geänderten Rezept weitermachen?</translation>
    </message>
    <message>
        <source>Rates, batch, balance and number of steps may change along the way; the shape of the network may not. The earlier recipe is kept in the run folder as recipe.before.yaml.</source>
        <translation>Raten, Batch, Balance und Schrittzahl dürfen sich unterwegs ändern, die Form des Netzes nicht. Das frühere Rezept bleibt im Laufordner als recipe.before.yaml.</translation>
    </message>
    <message>
        <source>Go on with the changed recipe</source>
        <translation>Mit dem geänderten Rezept weiter</translation>
    </message>
    <message>
        <source>Open the folder of a run</source>
        <translation>Ordner eines Laufs öffnen</translation>
    </message>
    <message>
        <source>A run is going; stop it before another one is opened.</source>
        <translation>Ein Lauf ist im Gange; ihn anhalten, bevor ein anderer geöffnet wird.</translation>
    </message>
    <message>
        <source>The run could not be opened</source>
        <translation>Der Lauf konnte nicht geöffnet werden</translation>
    </message>
    <message>
        <source>Opens the average of the weights (EMA) as a model in the Generate workspace. A run that is going goes on; both are slower meanwhile.</source>
        <translation>Öffnet das Mittel der Gewichte (EMA) als Modell im Arbeitsbereich Erzeugen. Ein laufendes Training geht weiter; beides ist solange langsamer.</translation>
    </message>
    <message>
        <source>There are no weights yet: they come when a run has begun, and stay in its folder when it ends.</source>
        <translation>Noch gibt es keine Gewichte: Sie entstehen, wenn ein Lauf begonnen hat, und bleiben an seinem Ende im Ordner.</translation>
    </message>
    <message>
        <source>Preparing: reading the pictures …</source>
        <translation>Vorbereitung: Die Bilder werden gelesen …</translation>
    </message>
    <message>
        <source>Ending …</source>
        <translation>Wird beendet …</translation>
    </message>
    <message>
        <source>The first step is under way …</source>
        <translation>Der erste Schritt ist unterwegs …</translation>
    </message>
    <message>
        <source>Step %1 of %2, loss %3, %4 pictures/s</source>
        <translation>Schritt %1 von %2, Loss %3, %4 Bilder/s</translation>
    </message>
    <message>
        <source>Paused. %1</source>
        <translation>Pause. %1</translation>
    </message>
    <message>
        <source>Saving … %1</source>
        <translation>Speichern … %1</translation>
    </message>
    <message>
        <source>%1, %2 left</source>
        <translation>%1, noch %2</translation>
    </message>
    <message>
        <source>Finished: %1 steps.</source>
        <translation>Fertig: %1 Schritte.</translation>
    </message>
    <message>
        <source>Step %1 of %2; saved after step %3.</source>
        <translation>Schritt %1 von %2; gespeichert nach Schritt %3.</translation>
    </message>
    <message>
        <source>Choose a recipe and a folder of pictures on the left and press Start, or open an earlier run.</source>
        <translation>Links ein Rezept und einen Ordner mit Bildern wählen und Start drücken, oder einen früheren Lauf öffnen.</translation>
    </message>
</context>
</TS>
