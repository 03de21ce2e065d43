"""What can be said about a picture at each level of the nine dimensions. Standard library only.

Every entry is a sentence in two parts: the first stands alone and is all that the youngest get, the
second goes on for those who read more. ``NOTICED`` says what is there; ``TRY_NEXT`` is something to
do in the art room that leads toward the level above (at the highest level: a new challenge). All of
it is about the picture, so it never says "you are", compares with nobody, and names no level.
"""

from __future__ import annotations

Phrase = tuple[str, str]
Bank = dict[str, tuple[tuple[Phrase, ...], ...]]  # slug -> one tuple a level, lowest first

NOTICED: Bank = {
    "realism": (
        (
            ("Simple signs tell what everything is", ", so the picture can be read at a glance"),
            ("Each thing has its own clear sign", ", like a word in a picture language"),
        ),
        (
            ("Everything can be recognized right away", " by its main shape"),
            ("It is easy to tell what each thing is", ", because its shape gives it away"),
        ),
        (
            (
                "The main parts have fitting shapes and sizes",
                ", and some details come from a close look",
            ),
            (
                "Details from close looking make things convincing",
                ", and the main parts fit together in size",
            ),
        ),
        (
            (
                "The parts fit each other in size",
                ", and light, shadow or overlap gives the picture depth",
            ),
            (
                "Close looking shows all over the page",
                ": sizes hold together, and the details belong to the real thing",
            ),
        ),
        (
            ("Form, light and space look convincing everywhere", ", even in the small places"),
            (
                "It looks as if one could walk right into the picture",
                ", with form, light and space all closely observed",
            ),
        ),
    ),
    "deformation": (
        (
            ("The shapes keep the form they are known by", ", calm and clear"),
            ("Every shape stays true to its usual form", ", which makes the picture calm"),
        ),
        (
            ("One shape is changed in a playful way", " and catches the eye"),
            (
                "One unusual shape makes the picture more lively",
                ": it is larger, longer or more bent than expected",
            ),
        ),
        (
            ("Some shapes were clearly changed", ", and the picture hints at the reason"),
            ("Changed shapes help to tell the story", " in more than one place"),
        ),
        (
            ("Several exaggerated shapes carry the idea of the picture", " and set its mood"),
            ("The bold shapes speak for themselves", ": stretching and bending carry the idea"),
        ),
        (
            ("Bold changes of shape run through the whole picture", " and make its message strong"),
            (
                "From edge to edge the shapes are changed for one idea",
                ", and it can be understood without words",
            ),
        ),
    ),
    "imagination": (
        (
            ("An everyday scene is shown the way it is known", ", clear and easy to enter"),
            (
                "The picture tells about a scene from the real world",
                " in a way everyone can follow",
            ),
        ),
        (
            ("A small surprise hides in an everyday scene", " and makes it worth a second look"),
            ("One unexpected detail wakes the picture up", ", in the middle of a familiar scene"),
        ),
        (
            ("Real and invented things meet here", " and share one page"),
            (
                "Things from the world and things from a story come together",
                ", which makes the page exciting to explore",
            ),
        ),
        (
            ("An invented idea leads the whole picture", ", and several details belong to it"),
            ("The idea is new, and the details play along", ", so there is a story to discover"),
        ),
        (
            ("A whole invented world opens up", ", and even the small details belong to it"),
            (
                "Everything here follows its own imagined rules",
                ", and there is something new in every corner",
            ),
        ),
    ),
    "color_richness": (
        (
            ("One color holds the picture together", ", which gives it a quiet look"),
            ("Very few colors are used", ", and that keeps the picture clear and quiet"),
        ),
        (
            (
                "A few colors each have their own place",
                ", so it is easy to see what belongs together",
            ),
            (
                "Each part has its own clear color",
                ", and together the colors put the picture in order",
            ),
        ),
        (
            ("Several colors work side by side", ", and some were chosen to go together"),
            ("There are several colors to find", ", and some of them clearly belong to one family"),
        ),
        (
            (
                "Many colors share the page",
                ", some of them mixed, so there is always another one to discover",
            ),
            ("The palette is full of variety", ", and some shades were mixed specially"),
        ),
        (
            (
                "A wide palette is mixed, varied and held together",
                ", and each color has a reason to be there",
            ),
            (
                "The colors are rich from corner to corner",
                ", with mixed shades that still belong together",
            ),
        ),
    ),
    "color_contrast": (
        (
            ("The colors stay close to each other", ", which makes the picture soft and calm"),
            ("Soft colors lie close together", ", as quiet as a whisper"),
        ),
        (
            ("Some things stand out a little", " from what is around them"),
            ("In places a color steps forward", " from the colors around it"),
        ),
        (
            (
                "The main things are easy to find",
                ", because their colors differ from what is around them",
            ),
            ("Light and dark or warm and cool colors take turns", " and separate the main things"),
        ),
        (
            ("Clear contrasts lead the eye to what matters", ", and the rest steps back"),
            ("The eye goes straight to the main thing", ", because strong contrasts point at it"),
        ),
        (
            (
                "Strong, planned contrasts give the whole picture its force",
                ", even from across the room",
            ),
            ("Strong contrasts work together all over the page", " and make a powerful picture"),
        ),
    ),
    "line_combination": (
        (
            ("Single lines stand on their own", ", clear and easy to follow"),
            ("Each line stands by itself", " and can be followed with a finger"),
        ),
        (
            ("Lines meet and close into simple shapes", ", and the shapes are easy to read"),
            ("The lines come together to make shapes", ", simple and clear"),
        ),
        (
            ("Lines join and cross to build larger forms", " out of simple ones"),
            ("Crossing lines build bigger things", ", piece by piece"),
        ),
        (
            ("Many lines work together in a rhythm", ", almost like music"),
            ("The lines repeat and answer each other", " in a rhythm that keeps the eye moving"),
        ),
        (
            ("Lines weave through the whole page", " and bind everything into one"),
            ("The lines belong together from edge to edge", ", so the picture holds like a net"),
        ),
    ),
    "line_texture": (
        (
            ("One kind of line is used everywhere", ", which keeps the picture calm"),
            ("The same line runs through the whole picture", " and gives it one clear voice"),
        ),
        (
            ("A second kind of mark makes one place special", " and invites a closer look"),
            ("In one place the lines change", ", and that spot gets a surface of its own"),
        ),
        (
            ("Different marks show different surfaces", ", so one can almost touch them"),
            (
                "The kinds of marks tell the surfaces apart",
                ", and the page is fun to explore up close",
            ),
        ),
        (
            (
                "Several kinds of marks fit what they show",
                ", so surfaces could be told apart without color",
            ),
            ("The marks were chosen to match the things", ", and the surfaces differ clearly"),
        ),
        (
            (
                "A rich range of marks gives every surface its own character",
                ", from rough to smooth",
            ),
            ("Every surface has its own kind of mark", ", and the whole page invites a close look"),
        ),
    ),
    "picture_organization": (
        (
            (
                "Things found a place wherever there was room",
                ", which makes the page free and open",
            ),
            ("The page was filled freely", ", thing after thing, as the ideas came"),
        ),
        (
            ("Some things stand together on one line", ", and that puts the scene in order"),
            ("A row of things gives the picture a firm place to begin", ", as if on solid ground"),
        ),
        (
            (
                "The main thing has its place, and most of the page is used",
                ", so it is clear where to look first",
            ),
            ("The main thing has a good place", ", and the page around it is put to use"),
        ),
        (
            ("The parts of the picture are in balance", ", and near and far can be told apart"),
            (
                "There is a near and a far to step into",
                ", and the parts keep each other in balance",
            ),
        ),
        (
            ("Every part has its place", ", and together they lead the eye through the whole page"),
            (
                "The page is planned from corner to corner",
                ", and the eye travels through it without getting lost",
            ),
        ),
    ),
    "transformation": (
        (
            ("Things are what they usually are", ", and each of them can be named at once"),
            ("The familiar things stay themselves", ", which makes the scene easy to believe"),
        ),
        (
            ("One thing got a new feature", ", and it brings the picture to life"),
            (
                "A familiar thing has something new about it",
                ", a small change that makes a difference",
            ),
        ),
        (
            ("A few things have turned into something else", " or got a new job"),
            (
                "Everyday things were changed into something new",
                ", so the picture has to be looked at twice",
            ),
        ),
        (
            ("Several things were remade from other things", ", all with one idea behind them"),
            ("One idea changes many familiar things", ", and together they tell something new"),
        ),
        (
            (
                "The whole picture turns familiar things into something new",
                " and surprises at every look",
            ),
            (
                "Nothing is quite what it was",
                ": familiar things become something new all over the page",
            ),
        ),
    ),
}

TRY_NEXT: Bank = {
    "realism": (
        (
            (
                "Look at a real one of these things for a whole minute",
                ", then draw the part that was easy to miss, such as the handle of a cup or "
                "the veins of a leaf",
            ),
            (
                "Find a photo of one thing and add two details from it",
                " that only a close look can find",
            ),
        ),
        (
            (
                "Measure two things with a pencil before drawing them",
                ": how many times does the small one fit into the big one?",
            ),
            (
                "Look at the place where two parts join",
                ", such as a branch and its trunk or an arm and its shoulder, and draw just "
                "that place with care",
            ),
        ),
        (
            (
                "Choose where the light comes from and shade the other side",
                " of each thing, softly at first and darker near the edge",
            ),
            (
                "Let one thing stand in front of another",
                ", so that part of it is hidden and the picture gets deeper",
            ),
        ),
        (
            (
                "Squint at a real object to find its darkest and lightest places",
                ", then add both and leave soft steps in between",
            ),
            (
                "Follow one edge very slowly with eye and pencil together",
                ", and let the line go wherever the edge goes",
            ),
        ),
        (
            (
                "Draw the same thing from a new side",
                ", from above or from very near, and see what changes",
            ),
            (
                "Try something hard to show, such as glass, water or fur",
                ", and study how the light plays on it",
            ),
        ),
    ),
    "deformation": (
        (
            (
                "Make the most important thing much bigger than it really is",
                ", and see how the picture changes",
            ),
            (
                "Bend or stretch one shape on purpose",
                ": a tree can lean in the wind, and a road can wiggle",
            ),
        ),
        (
            (
                "Change a second shape so that it answers the first one",
                ": if the tree bends, let the house lean too",
            ),
            (
                "Make a changed shape say something",
                ": long legs for fast, a wide mouth for loud, a tiny house for far away",
            ),
        ),
        (
            (
                "Bend the shapes to fit one kind of weather",
                ": everything leans in a storm, and everything droops in the heat",
            ),
            (
                "Push the strongest change twice as far",
                ", and give its neighbors a smaller change of the same kind",
            ),
        ),
        (
            (
                "Let the background bend too",
                ": hills, clouds and floor can move the same way as the main thing",
            ),
            (
                "Look for a shape that is still ordinary and change it as well",
                ", so that the whole page speaks one language",
            ),
        ),
        (
            (
                "Draw the opposite",
                ": if everything was big and heavy, try a page where everything is thin and light",
            ),
            ("Try a page with only one changed shape", ", and choose it so well that it is enough"),
        ),
    ),
    "imagination": (
        (
            (
                "Add one visitor that could never be there",
                ", such as a fish with wings or a very small giant",
            ),
            (
                "Ask “what if” about one thing and draw the answer",
                ": what if the house could walk, or the rain came in colors?",
            ),
        ),
        (
            (
                "Add two more things from the same invented place",
                ", so that the surprise is not alone",
            ),
            (
                "Let the surprise change something around it",
                ", for example the weather, the plants or what people carry",
            ),
        ),
        (
            (
                "Make the invented idea the main thing",
                ", then draw three details that belong to it",
            ),
            (
                "Invent a rule for this place, such as “everything floats”",
                ", and change the real things so that they follow it",
            ),
        ),
        (
            (
                "Draw what is hidden behind or below the scene",
                ": who lives there, and how do they travel?",
            ),
            (
                "Fill one corner with tiny details of the invented place",
                ", such as signs, tools or plants that exist only there",
            ),
        ),
        (
            (
                "Make a second page from the same world",
                ", at another time of day or in another place",
            ),
            ("Draw a map of this world", ", so that a visitor could find the way"),
        ),
    ),
    "color_richness": (
        (
            ("Add two new colors", ", one for something big and one for something small"),
            (
                "Choose three colors and give each of them a job",
                ": one for the ground, one for the main thing, one for the small surprises",
            ),
        ),
        (
            ("Mix two of the colors to make a new one", ", and use it where their areas meet"),
            (
                "Make a light and a dark version of one color",
                ": press softly or add white, then press hard or add a little blue",
            ),
        ),
        (
            (
                "Mix three greens or three blues for one area",
                ": a meadow, a sea or a sky can hold them all",
            ),
            (
                "Let one color turn up again in another corner",
                ", a little lighter or a little darker each time",
            ),
        ),
        (
            ("Mix a little of one color into all the others", ", and see how they grow together"),
            ("Fill the shadows with mixed colors", " instead of plain gray or black"),
        ),
        (
            ("Paint the same scene with only three colors", ", and mix everything else from them"),
            (
                "Mix the same palette again for another time of day",
                ", for early morning or for night",
            ),
        ),
    ),
    "color_contrast": (
        (
            ("Make the most important thing much darker or brighter", " than what is behind it"),
            (
                "Press hard in one place and softly right beside it",
                ", so that light and dark sit side by side",
            ),
        ),
        (
            (
                "Put a light color right behind a dark shape",
                ", or a dark one behind a light shape, and look at it from far away",
            ),
            (
                "Put a cool color all around a warm one",
                ": an orange on a blue cloth begins to glow",
            ),
        ),
        (
            (
                "Keep the strongest contrast for one place",
                ", and let the rest of the page be a little quieter",
            ),
            (
                "Squint at the page until it blurs, then darken around the main thing",
                ", so that it no longer melts away",
            ),
        ),
        (
            (
                "Plan light and dark in a tiny sketch first",
                ", with only black, gray and white, and follow it with color",
            ),
            (
                "Set two opposite colors edge to edge in the most important spot",
                ", such as red and green, and calm the colors around it",
            ),
        ),
        (
            ("Try the same picture in fog", ", with hardly any contrast but for one strong spot"),
            (
                "Cut the picture out of black and white paper",
                ", and see which contrasts are really needed",
            ),
        ),
    ),
    "line_combination": (
        (
            (
                "Let lines meet and close into shapes",
                ": three for a roof, many small ones for a flower",
            ),
            ("Start a new line exactly where the last one ends", ", and see which shape closes"),
        ),
        (
            (
                "Let one line run through several shapes and tie them together",
                ", like a path, a fence or a string of flags",
            ),
            (
                "Build one big thing out of many small shapes",
                ", for example a wall of stones or a dragon of scales",
            ),
        ),
        (
            (
                "Repeat one group of lines until it becomes a pattern",
                ": loops for wool, arches for a bridge, waves for water",
            ),
            ("Draw a line that loops and crosses itself", ", and fill the little windows it makes"),
        ),
        (
            (
                "Carry one rhythm of lines across the whole page",
                ", from the front to the background, so that it ties the parts together",
            ),
            (
                "Let the lines of one thing grow into the next",
                ": grass into wind, wind into clouds, clouds into hills",
            ),
        ),
        (
            (
                "Draw a page with one line that never leaves the paper",
                ", and let it become everything",
            ),
            (
                "Weave two rhythms together, one slow and one quick",
                ", and let them cross in the middle of the page",
            ),
        ),
    ),
    "line_texture": (
        (
            (
                "Add a second kind of mark for one surface",
                ": dots for sand, or short strokes for grass",
            ),
            (
                "Test dots, waves and zigzags on scrap paper",
                ", then pick one of them for a surface in the picture",
            ),
        ),
        (
            (
                "Try three kinds of line for three surfaces",
                ": short strokes for the grass, long ones for the roof, dots for the path",
            ),
            (
                "Touch bark, wool or brick and invent a mark for it",
                ", then use the mark in two places",
            ),
        ),
        (
            (
                "Choose a mark that fits each thing",
                ": soft curves for fur, hard zigzags for rock, thin waves for water",
            ),
            (
                "Change how close the marks stand",
                ": far apart for a light surface, close together for a dark one",
            ),
        ),
        (
            (
                "Find the largest plain area and give it a mark of its own",
                ", quiet enough that the main thing still stands out",
            ),
            (
                "Mix two marks on one surface",
                ": dots over hatching, or waves over stripes, and see what it turns into",
            ),
        ),
        (
            (
                "Make marks with a new tool",
                ": a twig, a sponge, a fork or the edge of a piece of cardboard",
            ),
            ("Draw one thing without any outline", ", and let the marks alone show where it ends"),
        ),
    ),
    "picture_organization": (
        (
            (
                "Draw a ground line first and let the things stand on it",
                ", each with both feet on the ground",
            ),
            (
                "Place the most important thing first, nice and big",
                ", and find room for the rest around it",
            ),
        ),
        (
            (
                "Use the empty part of the page",
                ": add something high in the sky or low in the front",
            ),
            ("Move the main thing away from the edge", " and let smaller things gather around it"),
        ),
        (
            (
                "Draw near things larger and lower, far things smaller and higher",
                ", and let a path lead from one to the other",
            ),
            (
                "Turn the page upside down to check the balance",
                ": if one side looks heavy, add something on the other",
            ),
        ),
        (
            (
                "Build a path for the eyes that leads to the main thing",
                ": a road, a row of birds, or a figure who points",
            ),
            (
                "Sketch the main thing in three different places first",
                ", and choose the sketch that leads the eye best",
            ),
        ),
        (
            (
                "Try an unusual view, like a bird or like a mouse",
                ", and plan where the main thing goes",
            ),
            (
                "Leave a large part of the page empty on purpose",
                " and see how it makes the rest stronger",
            ),
        ),
    ),
    "transformation": (
        (
            (
                "Give one thing a feature it never has",
                ": a sun with a face, a house with feet, a cloud with pockets",
            ),
            (
                "Turn an object around and look for something else in it",
                ": a cup can be an elephant, and a key can be a tower",
            ),
        ),
        (
            (
                "Let the new feature spread to two other things",
                ", so that they belong to one family",
            ),
            (
                "Give an everyday object a new job",
                ": a shoe as a boat, an umbrella as a tree, a spoon as a street lamp",
            ),
        ),
        (
            (
                "Choose one idea for all the changes",
                ": everything in the kitchen becomes a city, or every plant becomes an animal",
            ),
            (
                "Build one large thing out of many small ones",
                ", like a face made of fruit or a castle made of books",
            ),
        ),
        (
            (
                "Look for a thing that is still ordinary and change it too",
                ", with the same idea as the others",
            ),
            ("Show the moment of changing", ": half still the old thing, half already the new one"),
        ),
        (
            ("Change the new thing once more", ", and let it become a third one"),
            ("Tell the change in three small pictures", ": before, in the middle, and after"),
        ),
    ),
}
